import { announce } from '#events/outbox.ts'
import type { WebhookEvent } from '#events/webhook-events.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { findSuppressedKeys } from '#suppressions/find-suppressed.ts'
import type { ContactColumns } from './contact-columns.ts'
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
    if (moved === undefined) throw new ImportTaken(target.importId)
    if (chunk.isLast) await announce(transaction, importFinished(target, moved))
    return counts
  })
}

function importFinished(target: ChunkTarget, totals: ImportCounts): WebhookEvent {
  const { tenantId, importId, listId, now } = target
  const at = now.toISOString()
  const data = { import_id: importId, list_id: listId, state: 'completed', ...totals, finished_at: at }
  return { tenantId, event: 'import.finished', at, subjectId: importId, data }
}

async function storeRows(
  transaction: Transaction,
  target: ChunkTarget,
  chunk: ImportChunk,
): Promise<ImportCounts> {
  const first = await storeContacts(transaction, target, chunk.contacts)
  // Each of these is in `first`: they change contacts, and are counted as duplicates already.
  await storeContacts(transaction, target, chunk.repeated)
  return {
    rows_read: chunk.rowsRead,
    rows_created: first.created,
    rows_updated: target.onExisting === 'upsert' ? first.known : 0,
    rows_skipped: target.onExisting === 'skip' ? first.known : 0,
    rows_duplicate: chunk.rowsDuplicate + first.seen,
    rows_rejected: chunk.rejects.length,
    rows_suppressed: first.suppressed,
  }
}

interface Stored {
  readonly created: number
  /** Were there before this import. */
  readonly known: number
  /** Were held by an earlier chunk of this import. */
  readonly seen: number
  readonly suppressed: number
}

async function storeContacts(
  transaction: Transaction,
  target: ChunkTarget,
  contacts: ContactColumns,
): Promise<Stored> {
  if (contacts.count === 0) return { created: 0, known: 0, seen: 0, suppressed: 0 }
  const { tenantId, listId, importId, now } = target
  const found = await findSuppressedKeys(transaction, { tenantId, listId, keys: contacts.keys }, now)
  const unsubscribed = [...found].filter(([, reason]) => reason.unsubscribed).map(([key]) => key)
  const scope = { tenantId, listId, importId, now, suppressed: [...found.keys()], unsubscribed }
  const made = await insertNewContacts(transaction, scope, contacts)
  if (made.created === contacts.count) return { ...made, known: 0, seen: 0 }
  const merged = await mergeExistingContacts(transaction, scope, contacts, target.onExisting)
  return {
    created: made.created,
    known: merged.existing - merged.seen,
    seen: merged.seen,
    suppressed: made.suppressed + merged.suppressed,
  }
}
