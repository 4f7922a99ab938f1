import { addressIn } from './addresses.ts'
import { field, readFields } from './header-fields.ts'
import { MAX_RECIPIENTS, type Feedback } from './returned-mail.ts'

export interface FeedbackReport {
  readonly feedback: Feedback
  /** Who complained; empty when the provider does not say. */
  readonly recipients: readonly string[]
}

/** Reads message/feedback-report (RFC 5965 3). */
export function readFeedbackReport(text: string): FeedbackReport {
  const fields = readFields(text.trim())
  const named = [...(fields.get('original-rcpt-to') ?? []), ...(fields.get('removal-recipient') ?? [])].map(
    (value) => addressIn(value) ?? '',
  )
  return {
    feedback: {
      type: (/^[\w-]{1,40}/.exec(field(fields, 'feedback-type'))?.[0] ?? 'abuse').toLowerCase(),
      userAgent: field(fields, 'user-agent') || undefined,
      sourceIp: field(fields, 'source-ip') || undefined,
      originalMailFrom: addressIn(field(fields, 'original-mail-from')),
    },
    recipients: [...new Set(named.filter((each) => each !== ''))].slice(0, MAX_RECIPIENTS),
  }
}
