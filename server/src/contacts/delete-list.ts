import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { listNotFound } from './list.ts'
import { deleteList, lockList, selectUses } from './lists.store.ts'

/**
 * Deletes a list with its subscriptions; contacts stay. Refused while a campaign uses it (`lists.in_use`: its report
 * would lose its audience) or an import runs into it (`lists.importing`).
 */
export async function removeList(
  deps: { readonly db: Database; readonly objects: Objects },
  tenantId: string,
  listId: string,
): Promise<void> {
  const files = await asTenant(deps.db, tenantId, async (transaction) => {
    if (!(await lockList(transaction, listId))) throw listNotFound()
    const uses = await selectUses(transaction, listId)
    if (uses.campaign !== null) {
      throw new Problem(
        'conflict',
        'lists.in_use',
        `The campaign "${uses.campaign}" uses this list. Archive the list instead, or delete the campaign.`,
      )
    }
    if (uses.import !== null) {
      throw new Problem(
        'conflict',
        'lists.importing',
        `"${uses.import}" is being imported into this list. Wait for it to end.`,
      )
    }
    return deleteList(transaction, listId)
  })
  for (const key of files) await deps.objects.delete(key)
}
