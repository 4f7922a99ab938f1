import { Type } from 'typebox'
import type { Static } from 'typebox'

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const count = (description: string) => Type.Integer({ minimum: 0, maximum: 1_000_000_000, description })
const points = (description: string) => Type.Number({ minimum: 0, maximum: 100, description })

export const TLS_MODES = ['none', 'trusted', 'self_signed', 'expired', 'wrong_name', 'broken'] as const
export type TlsMode = (typeof TLS_MODES)[number]

/**
 * How a simulated provider treats its visitors. Everything here can be changed while it runs. A share is the
 * part of recipients (0 to 1) it happens to, chosen by the seed; a count of 0 means "no limit" or "never". What
 * is kept back for a time (rates, greylisting, penalties, reputation) goes by the windtunnel's own time, which may
 * run faster; how late answers come is in real milliseconds.
 */
export const HabitsSchema = Type.Object(
  {
    unknown_user_share: share('Recipients that do not exist: 550 5.1.1.'),
    mailbox_full_share: share('Recipients whose mailbox is full: 452 4.2.2 first, 552 5.2.2 afterwards.'),
    temporary_failure_share: share('Recipients refused with a 4xx on the first attempt only.'),
    complaint_share: share('Recipients who complain about what they receive.'),
    greylist_share: share('Recipients whose first attempt is greylisted.'),
    greylist_delay_ms: count(
      'A greylisted triplet of address, sender domain and recipient is welcome after this time.',
    ),
    greylist_address_bits: Type.Integer({
      minimum: 8,
      maximum: 32,
      description: 'Leading bits of the address that make the triplet: 24 takes neighbours for one visitor.',
    }),
    cut_share: share('Messages whose connection is cut after the data and before the reply, once.'),
    keep_cut_messages: Type.Boolean({
      description: 'A message cut off before its reply was taken nevertheless.',
    }),
    slow_share: share('Recipients whose every step is answered late.'),
    slow_delay_ms: count('How late the answers to slow recipients come.'),
    step_delay_ms: count('How long every answer takes.'),
    banner_delay_ms: count('How long the greeting takes: a tarpit has many seconds.'),
    messages_per_second: count('Messages a second of one address before it is refused for now.'),
    burst: count('Messages of one address accepted at once before the rate applies.'),
    ip_messages_per_hour: count('Messages of one address in an hour.'),
    ip_messages_per_day: count('Messages of one address in a day.'),
    domain_messages_per_hour: count('Messages of one sender domain in an hour, from all addresses.'),
    domain_messages_per_day: count('Messages of one sender domain in a day, from all addresses.'),
    penalty_ms: count(
      'An address above its hourly or daily number is deferred for this time; 0: until the window ends.',
    ),
    connections_per_address: count('Connections at the same time from one address.'),
    messages_per_connection: count('Messages on one connection before the provider ends it.'),
    closes_silently: Type.Boolean({
      description:
        'A connection that is used up is closed without a word; otherwise the next MAIL is answered with 421.',
    }),
    recipients_per_message: count('RCPT commands accepted in one transaction.'),
    max_message_bytes: count('The SIZE announced and enforced.'),
    refuses_bare_lf: Type.Boolean({
      description: 'A message with a line feed that follows no carriage return is refused.',
    }),
    requires_authentication: Type.Enum(['nothing', 'either', 'both'], {
      description: 'What must pass for the domain in From: nothing, SPF or DKIM, or both.',
    }),
    tls: Type.Enum([...TLS_MODES], {
      description:
        'STARTTLS: not offered; with a certificate of the windtunnel’s authority; or offered and bad in one of four ways.',
    }),
    mta_sts: Type.Enum(['none', 'testing', 'enforce'], {
      description: 'The mode of the MTA-STS policy of its own domains (RFC 8461).',
    }),
    warmup_first_day: count('Messages an address that was never seen may send on its first day at no cost.'),
    warmup_growth: Type.Number({
      minimum: 1,
      maximum: 10,
      description: 'How many times more it may send on each further day with mail.',
    }),
    warmup_full_day: count('Messages a day that are never too many; 0: reputation is not judged at all.'),
    unknown_tolerance: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: "So many unknown recipients in a day's allowance cost the whole reputation.",
    }),
    complaint_tolerance: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1,
      description: "So many complaints in a day's allowance cost the whole reputation.",
    }),
    poor_reputation: points('Below this an address is deferred, the more often the poorer it is.'),
    blocked_reputation: points('Below this an address is refused until it has recovered.'),
    recovery_per_day: points('Points of reputation that come back in a day.'),
    refuses_blocked_at: Type.Enum(['connect', 'mail'], {
      description: 'When a blocked address is told so.',
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
