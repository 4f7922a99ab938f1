import { Type } from 'typebox'
import type { Static } from 'typebox'

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })
const delay = (description: string) => Type.Integer({ minimum: 0, maximum: 2_592_000_000, description })

/** Programs whose reports are written as they write them. */
export const BOUNCE_FORMATS = [
  'postfix',
  'exim',
  'qmail',
  'sendmail',
  'exchange',
  'google',
  'domino',
  'japanese',
] as const
export type BounceFormat = (typeof BOUNCE_FORMATS)[number]

/** Situations of a profile in which mail that was accepted comes back. */
export const BOUNCE_REASONS = ['unknown_user', 'mailbox_still_full', 'inactive', 'rejected'] as const

/** `arf`: with the recipient (RFC 5965); `arf_redacted`: without; `outlook`: the message itself, without a report. */
export const COMPLAINT_FORMATS = ['arf', 'arf_redacted', 'outlook'] as const
export type ComplaintFormat = (typeof COMPLAINT_FORMATS)[number]

/**
 * What comes back of mail that a provider accepted. A share is the part of messages (0 to 1) it happens to, by the seed;
 * a delay is the median, in milliseconds of the windtunnel's own time.
 */
export const AfterwardsSchema = Type.Object(
  {
    bounce_share: share('Messages that come back as a report. Nothing else happens to them.'),
    bounce_delay_ms: delay('When the report is sent.'),
    bounce_format: Type.Enum([...BOUNCE_FORMATS], { description: 'Whose report it is.' }),
    bounce_because: Type.Enum([...BOUNCE_REASONS], {
      description: 'Why, in the words of the profile for this situation.',
    }),
    complaint_share: share('Messages about which somebody complains.'),
    complaint_delay_ms: delay('When the complaint is sent.'),
    complaint_format: Type.Enum([...COMPLAINT_FORMATS], { description: 'How the provider tells it.' }),
    prefetch_share: share('Messages whose pictures a privacy proxy loads at once, read or not.'),
    scan_share: share('Messages whose links a scanner follows at once, those that nobody sees, too.'),
    open_share: share('Messages that a person opens.'),
    open_delay_ms: delay('When they are opened.'),
    open_agent: Type.Enum(['browser', 'google_proxy', 'yahoo_proxy'], {
      description: 'Who loads the pictures for a person who is looking.',
    }),
    click_share: share('Opened messages in which one link is clicked.'),
    click_delay_ms: delay('How long after the opening.'),
    unsubscribe_share: share('Messages whose reader wants no more.'),
    unsubscribe_delay_ms: delay('When the reader says so.'),
    unsubscribe_by: Type.Enum(['one_click', 'mail'], {
      description: 'Which way is taken where the message offers both (RFC 8058, RFC 2369).',
    }),
    auto_reply_share: share('Messages that a program answers for a person (RFC 3834).'),
    auto_reply_delay_ms: delay('When it answers.'),
    auto_reply_to: Type.Enum(['return_path', 'from'], {
      description: 'Whom it answers: as RFC 3834 wants it, or the address in From.',
    }),
  },
  { additionalProperties: false },
)
export type Afterwards = Static<typeof AfterwardsSchema>

export const AfterwardsChangeSchema = Type.Partial(AfterwardsSchema, { additionalProperties: false })
export type AfterwardsChange = Static<typeof AfterwardsChangeSchema>

/** A provider that sends nothing back: what a profile does not say is as here. */
export const NOTHING_AFTERWARDS: Afterwards = {
  bounce_share: 0,
  bounce_delay_ms: 60_000,
  bounce_format: 'postfix',
  bounce_because: 'unknown_user',
  complaint_share: 0,
  complaint_delay_ms: 3_600_000,
  complaint_format: 'arf',
  prefetch_share: 0,
  scan_share: 0,
  open_share: 0,
  open_delay_ms: 3_600_000,
  open_agent: 'browser',
  click_share: 0,
  click_delay_ms: 20_000,
  unsubscribe_share: 0,
  unsubscribe_delay_ms: 3_600_000,
  unsubscribe_by: 'one_click',
  auto_reply_share: 0,
  auto_reply_delay_ms: 2_000,
  auto_reply_to: 'return_path',
}
