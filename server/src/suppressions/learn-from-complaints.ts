import type { Transaction } from '#platform/postgres/database.ts'
import { keyOfRecipient } from './recipient-key.ts'
import { modeLearnedIn } from './suppression.ts'
import { storeSuppressions } from './add-suppressions.ts'
import type { Bounce } from './learn-from-bounces.ts'

/** Somebody has called a message unwanted: nothing more of this tenant goes there. In a transaction of the engine. */
export async function learnFromComplaints(
  transaction: Transaction,
  complaints: readonly Pick<Bounce, 'tenantId' | 'messageId' | 'mode' | 'recipient'>[],
  now: Date,
): Promise<void> {
  const rows = complaints.map(({ tenantId, messageId, mode, recipient }) => ({
    tenantId,
    messageId,
    addressKey: keyOfRecipient(recipient),
    listId: null,
    reason: 'complaint' as const,
    mode: modeLearnedIn(mode),
  }))
  await storeSuppressions(transaction, rows, now)
}
