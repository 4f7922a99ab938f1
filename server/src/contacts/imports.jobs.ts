import { announce } from '#events/outbox.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { ImportChunk } from './import-chunk.ts'
import type { Import } from './import.ts'
import { claimImport, failImport, releaseImport, selectImport } from './imports.store.ts'
import type { ClaimedImport } from './imports.store.ts'
import { readChunks, startOf } from './read-chunks.ts'
import { ImportTaken, storeChunk } from './store-chunk.ts'

/** One transaction: 20,000 rows take half a second, and half of it is saved per row against 1,000. */
const CHUNK_ROWS = 20_000
/** A chunk of long rows ends here, so that memory stays flat. */
const CHUNK_BYTES = 8 * 1024 * 1024
/** Renewed by every chunk. A worker that was killed is replaced after this time, or at once by one of its own name. */
const LEASE_MS = 60_000
const POLL_MS = 500
/** An import that fails this often without getting further is given up. */
const MAX_FAILURES = 5
const RETRY_MS = 2_000

export interface ImportJobDeps {
  /** With the role pigeon_api: rows are written under the tenant's own wall. */
  readonly db: Database
  readonly objects: Objects
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** One running worker a name. A worker that starts again under its name goes on with what it had at once. */
  readonly workerName: string
  readonly chunkRows?: number
}

/** Imports files one after the other until `signal` is aborted; then the chunk under way is finished. */
export async function runImports(deps: ImportJobDeps): Promise<void> {
  const failures = new Map<string, number>()
  while (!deps.signal.aborted) {
    try {
      const claimed = await claimImport(
        deps.db,
        { workerName: deps.workerName, leaseMs: LEASE_MS },
        deps.clock.now(),
      )
      if (claimed === undefined) await deps.clock.sleep(POLL_MS, deps.signal)
      else await attempt(deps, claimed, failures)
    } catch (error) {
      deps.log.error({ err: error }, 'Imports wait: the database cannot be asked')
      await deps.clock.sleep(RETRY_MS, deps.signal)
    }
  }
}

async function attempt(
  deps: ImportJobDeps,
  claimed: ClaimedImport,
  failures: Map<string, number>,
): Promise<void> {
  const { id, tenant_id: tenantId } = claimed
  const log = deps.log.child({ import_id: id, tenant_id: tenantId })
  try {
    await processImport(deps, claimed, () => failures.delete(id))
    failures.delete(id)
  } catch (error) {
    if (error instanceof ImportTaken) {
      log.warn({}, error.message)
      return
    }
    const count = (failures.get(id) ?? 0) + 1
    failures.set(id, count)
    log.error({ err: error, count }, 'An import failed and is tried again')
    if (error instanceof Problem || count >= MAX_FAILURES) {
      failures.delete(id)
      const message =
        error instanceof Problem
          ? error.message
          : 'The import failed. Ask for it again, or tell the operator: the log has the reason.'
      await giveUp(deps, claimed, message)
    } else {
      await deps.clock.sleep(RETRY_MS, deps.signal)
    }
  }
}

async function giveUp(
  deps: ImportJobDeps,
  { id, tenant_id: tenantId }: ClaimedImport,
  error: string,
): Promise<void> {
  const now = deps.clock.now()
  await asTenant(deps.db, tenantId, async (transaction) => {
    if (!(await failImport(transaction, id, { workerName: deps.workerName, error, now }))) return
    const at = now.toISOString()
    const data = { import_id: id, state: 'failed', error, finished_at: at }
    await announce(transaction, { tenantId, event: 'import.finished', at, subjectId: id, data })
  })
}

async function processImport(
  deps: ImportJobDeps,
  claimed: ClaimedImport,
  onProgress: () => void,
): Promise<void> {
  const { id, tenant_id: tenantId } = claimed
  const found = await asTenant(deps.db, tenantId, (t) => selectImport(t, id))
  if (found === undefined) return
  const chunks = await openChunks(deps, found)
  let from = found.byte_offset
  let pending = chunks.next()
  try {
    for (;;) {
      const { value: chunk, done } = await pending
      if (done === true) return
      // While PostgreSQL stores this chunk the next one is read. Its failure is met when it is awaited.
      pending = chunks.next()
      pending.catch(() => undefined)
      await store(deps, { claimed, found, from }, chunk)
      from = chunk.next.byteOffset
      onProgress()
      if (deps.signal.aborted && !chunk.isLast) {
        await asTenant(deps.db, tenantId, (t) => releaseImport(t, id, deps.workerName))
        return
      }
    }
  } finally {
    await pending.catch(() => undefined)
    await chunks.return(undefined)
  }
}

async function openChunks(deps: ImportJobDeps, found: Import): Promise<AsyncGenerator<ImportChunk>> {
  const { dialect, mapping } = found
  if (dialect === null || mapping === null) {
    throw new Problem(
      'invalid',
      'imports.not_examined',
      'This import was never examined. Upload the file again.',
    )
  }
  const start = startOf({ byteOffset: found.byte_offset, dialect })
  const file = await deps.objects.get(found.object_key, { start })
  return readChunks(file, {
    dialect,
    mapping,
    onExisting: found.on_existing,
    byteOffset: found.byte_offset,
    line: found.line,
    clock: deps.clock,
    maxRows: deps.chunkRows ?? CHUNK_ROWS,
    maxBytes: CHUNK_BYTES,
  })
}

/** Errors after which the same transaction, tried again, may go through: deadlock and serialization failure. */
const TRANSIENT = new Set(['40P01', '40001'])
const MAX_TRIES = 5

async function store(
  deps: ImportJobDeps,
  place: { readonly claimed: ClaimedImport; readonly found: Import; readonly from: number },
  chunk: ImportChunk,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const now = deps.clock.now()
    try {
      await storeChunk(
        deps.db,
        {
          importId: place.claimed.id,
          tenantId: place.claimed.tenant_id,
          listId: place.found.list_id,
          onExisting: place.found.on_existing,
          workerName: deps.workerName,
          from: place.from,
          now,
          leaseUntil: new Date(now.getTime() + LEASE_MS),
        },
        chunk,
      )
      return
    } catch (error) {
      if (tries >= MAX_TRIES || !TRANSIENT.has(sqlStateOf(error))) throw error
    }
  }
}

function sqlStateOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
