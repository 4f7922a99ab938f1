import { Type } from 'typebox'
import type { Static } from 'typebox'

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const count = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000_000, description })

/**
 * How a simulated provider treats its visitors. Everything here can be changed while it runs. A share is the
 * part of recipients (0 to 1) it happens to, chosen by the seed; a count of 0 means "no limit" or "never".
 */
export const HabitsSchema = Type.Object(
  {
    unknown_user_share: share('Recipients that do not exist: 550 5.1.1.'),
    mailbox_full_share: share('Recipients whose mailbox is full: 452 4.2.2 first, 552 5.2.2 afterwards.'),
    temporary_failure_share: share('Recipients refused with a 4xx on the first attempt only.'),
    greylist_share: share('Recipients whose first attempt is greylisted.'),
    greylist_delay_ms: count(
      'A greylisted triplet of address, sender domain and recipient is welcome after this time.',
    ),
    cut_share: share('Messages whose connection is cut after the data and before the reply, once.'),
    keep_cut_messages: Type.Boolean({
      description: 'A message cut off before its reply was taken nevertheless.',
    }),
    slow_share: share('Recipients whose every step is answered late.'),
    slow_delay_ms: count('How late the answers to slow recipients come.'),
    step_delay_ms: count('How long every answer takes.'),
    messages_per_second: count('Messages a second before 421; unused seconds add up to the burst.'),
    burst: count('Messages accepted at once before the rate applies.'),
    connections_per_address: count('Connections at the same time from one address.'),
    recipients_per_message: count('RCPT commands accepted in one transaction.'),
    max_message_bytes: count('The SIZE announced and enforced.'),
    refuses_bare_lf: Type.Boolean({
      description: 'A message with a line feed that follows no carriage return is refused.',
    }),
    keep_raw: Type.Boolean({
      description: 'Store the bytes of messages; when false only their particulars are kept.',
    }),
  },
  { additionalProperties: false },
)
export type Habits = Static<typeof HabitsSchema>

export const HabitsChangeSchema = Type.Partial(HabitsSchema, { additionalProperties: false })
export type HabitsChange = Static<typeof HabitsChangeSchema>
