export const SUPPRESSION_REASONS = ['unsubscribed', 'hard_bounce', 'complaint', 'manual'] as const
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number]

/** Every suppression that is added is told here: JSON with `tenant_id`, `address_key` and `list_id` (null: all lists). */
export const SUPPRESSIONS_CHANNEL = 'suppressions'

/** An address that must not be written to: on one list, or (list_id null) anywhere. */
export interface Suppression {
  readonly id: string
  /** Folded for comparing. */
  readonly email: string
  readonly list_id: string | null
  readonly reason: SuppressionReason
  readonly message_id: string | null
  readonly note: string | null
  readonly created_at: Date
  readonly expires_at: Date | null
}

export interface NewSuppression {
  /** `key` of `parseAddress`. */
  readonly addressKey: string
  /** null: everywhere. */
  readonly listId: string | null
  readonly reason: SuppressionReason
  readonly messageId?: string | null
  readonly note?: string | null
  /** null: for ever. */
  readonly expiresAt?: Date | null
}
