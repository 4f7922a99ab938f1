import type { SendingMode } from '#platform/postgres/database.gen.ts'

export const SUPPRESSION_REASONS = [
  'unsubscribed',
  'hard_bounce',
  'soft_bounce',
  'complaint',
  'manual',
] as const
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number]

/**
 * Every suppression that is added is told here, and every one that is lifted: JSON with `tenant_id`, `address_key`,
 * `list_id` (null: all lists), `mode` (null: both), `expires_at` (null: never) and `is_lifted`.
 */
export const SUPPRESSIONS_CHANNEL = 'suppressions'

/** An address that must not be written to: on one list, or (list_id null) anywhere. */
export interface Suppression {
  readonly id: string
  /** Folded for comparing. */
  readonly email: string
  readonly list_id: string | null
  readonly reason: SuppressionReason
  /** Mail of this mode only; null: all mail. */
  readonly mode: SendingMode | null
  readonly message_id: string | null
  readonly note: string | null
  readonly created_at: Date
  readonly expires_at: Date | null
  /** Since when it is held back and stops nothing; null: it is in force. */
  readonly held_at: Date | null
}

export interface NewSuppression {
  /** `key` of `parseAddress`. */
  readonly addressKey: string
  /** null: everywhere. */
  readonly listId: string | null
  readonly reason: SuppressionReason
  /** Absent or null: for all mail. */
  readonly mode?: SendingMode | null
  readonly messageId?: string | null
  readonly note?: string | null
  /** null: for ever. */
  readonly expiresAt?: Date | null
  readonly heldAt?: Date | null
}

/** Of which mail a suppression is that was learned from a message: what happens in the sandbox says nothing about live mail. */
export function modeLearnedIn(mode: SendingMode): SendingMode | null {
  return mode === 'live' ? null : mode
}
