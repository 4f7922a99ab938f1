import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import type { TestDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { runImports } from './imports.jobs.ts'
import { selectImport, selectRejects } from './imports.store.ts'
import type { Import } from './import.ts'
import { prepareImport, storeImportFile } from './start-import.ts'
import type { ImportRequest } from './start-import.ts'

export interface Room {
  readonly deps: Parameters<typeof prepareImport>[0] & { readonly db: Database }
  /** A file that waits to be imported. */
  readonly begin: (csv: string | Buffer, options?: Partial<ImportRequest>) => Promise<Import>
  readonly tenantId: string
  readonly listId: string
  readonly database: TestDatabase
  readonly dataDir: string
  readonly find: (id: string) => Promise<Import | undefined>
  readonly contacts: () => Promise<Row[]>
  readonly run: (csv: string | Buffer, options?: RunOptions) => Promise<Import>
  readonly rejects: (importId: string) => Promise<{ line: number; code: string; raw: string }[]>
}
interface Row {
  email: string
  first_name: string | null
  last_name: string | null
  attributes: Record<string, unknown>
  status: string | null
}
type RunOptions = Partial<ImportRequest> & { readonly chunkRows?: number }

/** A tenant with a list on a database of the test's own, and a worker for one file at a time. */
export async function room(t: TestContext): Promise<Room> {
  const database = await testDatabase(t)
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-import-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const objects = await openFileObjects({ dataDir })
  const db = database.api
  const tenantId = uuidv7()
  const listId = uuidv7()
  await sql`insert into tenants (tenant_id, name, created_at, updated_at) values (${tenantId}, 't', now(), now())`.execute(
    database.admin,
  )
  await sql`insert into lists (id, tenant_id, name, created_at, updated_at) values (${listId}, ${tenantId}, 'l', now(), now())`.execute(
    database.admin,
  )
  const deps = { db, objects, clock: systemClock }
  const find = (id: string) => asTenant(db, tenantId, (t) => selectImport(t, id))
  const begin: Room['begin'] = async (csv, options = {}) => {
    const file = await storeImportFile(
      deps,
      tenantId,
      Readable.from([Buffer.from(csv)], { objectMode: false }),
    )
    const request = { listId, fileName: 'c.csv', onExisting: 'upsert' as const, ...options }
    return asTenant(db, tenantId, await prepareImport(deps, tenantId, file, request))
  }
  return {
    deps,
    begin,
    tenantId,
    listId,
    database,
    dataDir,
    find,
    run: async (csv, options = {}) => {
      const made = await begin(csv, options)
      const stop = new AbortController()
      const log = createLog({ level: 'error', role: 'test' })
      const worker = runImports({
        ...deps,
        log,
        signal: stop.signal,
        workerName: 'w',
        ...(options.chunkRows === undefined ? {} : { chunkRows: options.chunkRows }),
      })
      const done = await waitFor('the import to end', async () => {
        const found = await find(made.id)
        return found?.state === 'completed' || found?.state === 'failed' ? found : undefined
      })
      stop.abort()
      await worker
      assert.equal(
        done.rows_read,
        done.rows_created + done.rows_updated + done.rows_skipped + done.rows_duplicate + done.rows_rejected,
      )
      return done
    },
    rejects: (importId) =>
      asTenant(db, tenantId, (t) => selectRejects(t, importId, { afterLine: 0, rows: 1000 })),
    contacts: async () =>
      (
        await sql<Row>`
          select c.email, c.first_name, c.last_name, c.attributes, s.status from contacts c
            left join subscriptions s on s.contact_id = c.id and s.list_id = ${listId} order by c.email_key`.execute(
          database.admin,
        )
      ).rows,
  }
}
