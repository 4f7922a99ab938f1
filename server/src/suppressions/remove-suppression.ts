import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { announceLifted, deleteSuppression } from './suppressions.store.ts'

/** Allows writing to an address again, also of what waits already. Problem `suppressions.not_found`. */
export async function removeSuppression(
  deps: { readonly db: Database; readonly clock: Clock },
  actor: Actor,
  id: string,
): Promise<void> {
  const { tenantId } = actor
  await asTenant(deps.db, tenantId, async (transaction) => {
    const gone = await deleteSuppression(transaction, id)
    if (gone === undefined)
      throw new Problem('not_found', 'suppressions.not_found', 'There is no such suppression.')
    const { email, list_id: listId, mode } = gone
    await announceLifted(transaction, [{ tenantId, addressKey: email, listId, mode }])
    const entry = { action: 'suppressions.remove', subject: email, before: gone, after: null }
    await recordAudit(transaction, actor, entry, deps.clock.now())
  })
}
