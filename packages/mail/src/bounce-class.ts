/** Why mail did not arrive. One list for replies, bounces and reports. */
export const BOUNCE_CLASSES = [
  'unknown_user',
  'host_unknown',
  'mailbox_full',
  'inactive',
  'moved',
  'rejected',
  'policy',
  'spam',
  'blocked',
  'reputation',
  'auth_failure',
  'ptr_missing',
  'rate_limited',
  'greylisted',
  'message_too_big',
  'content',
  'virus',
  'security',
  'relaying_denied',
  'tls',
  'protocol',
  'network',
  'expired',
  'system',
  'syntax',
  'vacation',
  'feedback',
  'other',
] as const

export type BounceClass = (typeof BOUNCE_CLASSES)[number]

/** What the reply answers. `data` is the DATA command, `body` the final dot. */
export type SmtpPhase = 'connect' | 'ehlo' | 'starttls' | 'auth' | 'mail' | 'rcpt' | 'data' | 'body'
