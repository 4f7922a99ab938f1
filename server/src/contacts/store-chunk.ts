import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { findSuppressedKeys } from '#suppressions/find-suppressed.ts'
import type { OnExisting } from './contact.ts'
import type { ImportChunk } from './import-chunk.ts'
import type { ImportCounts } from './import.ts'
import { advanceImport, insertNewContacts, insertRejects, mergeExistingContacts } from './imports.store.ts'

export interface ChunkTarget {
  readonly importId: string
  readonly tenantId: string
  readonly listId: string
  readonly onExisting: OnExisting
  readonly workerName: string
  /** Where the chunk begins. */
  readonly from: number
  readonly now: Date
  readonly leaseUntil: Date
}

/** Thrown when another worker has the import, or it is gone: this one stops, and nothing of its chunk is kept. */
export class ImportTaken extends Error {
  constructor(importId: string) {
    super(`Import ${importId} was taken over by another worker, or deleted.`)
    this.name = 'ImportTaken'
  }
}

/** Contacts, subscriptions, rejects, counts and the place of the next chunk, in one transaction. */
export async function storeChunk(
  db: Database,
  target: ChunkTarget,
  chunk: ImportChunk,
): Promise<ImportCounts> {
  return asTenant(db, target.tenantId, async (transaction) => {
    const counts = await storeRows(transaction, target, chunk)
    await insertRejects(transaction, target.tenantId, target.importId, chunk.rejects)
    const moved = await advanceImport(transaction, target.importId, {
      workerName: target.workerName,
      leaseUntil: target.leaseUntil,
      from: target.from,
      next: chunk.next,
      isLast: chunk.isLast,
      counts,
      now: target.now,
    })
    if (!moved) throw new ImportTaken(target.importId)
    return counts
  })
}

async function storeRows(
  transaction: Transaction,
  target: ChunkTarget,
  chunk: ImportChunk,
): Promise<ImportCounts> {
  const { contacts } = chunk
  const wanted = { tenantId: target.tenantId, listId: target.listId, keysLiteral: contacts.keys }
  const found =
    contacts.count === 0
      ? new Map<string, never>()
      : await findSuppressedKeys(transaction, wanted, target.now)
  const scope = {
    tenantId: target.tenantId,
    listId: target.listId,
    importId: target.importId,
    now: target.now,
    suppressed: [...found.keys()],
    unsubscribed: [...found].filter(([, { unsubscribed }]) => unsubscribed).map(([key]) => key),
  }
  const made =
    contacts.count === 0
      ? { created: 0, suppressed: 0 }
      : await insertNewContacts(transaction, scope, contacts)
  const merged =
    made.created === contacts.count
      ? { existing: 0, seen: 0, suppressed: 0 }
      : await mergeExistingContacts(transaction, scope, contacts, target.onExisting)
  const known = merged.existing - merged.seen
  return {
    rows_read: chunk.rowsRead,
    rows_created: made.created,
    rows_updated: target.onExisting === 'upsert' ? known : 0,
    rows_skipped: target.onExisting === 'skip' ? known : 0,
    rows_duplicate: chunk.rowsDuplicate + merged.seen,
    rows_rejected: chunk.rejects.length,
    rows_suppressed: made.suppressed + merged.suppressed,
  }
}
