import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { addSuppressions } from '#suppressions/add-suppressions.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { runImports } from './imports.jobs.ts'
import { selectImport, selectRejects } from './imports.store.ts'
import type { Import } from './import.ts'
import { startImport, storeImportFile } from './start-import.ts'
import type { ImportRequest } from './start-import.ts'

interface Room {
  readonly deps: Parameters<typeof startImport>[0]
  readonly tenantId: string
  readonly listId: string
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

async function room(t: TestContext): Promise<Room> {
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
  return {
    deps,
    tenantId,
    listId,
    run: async (csv, options = {}) => {
      const file = await storeImportFile(
        deps,
        tenantId,
        Readable.from([Buffer.from(csv)], { objectMode: false }),
      )
      const request = { listId, fileName: 'c.csv', onExisting: 'upsert' as const, ...options }
      const made = await startImport(deps, tenantId, file, request)
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

test('a file is imported: good rows become contacts, bad ones are reported with line and reason', async (t) => {
  const { run, contacts, rejects } = await room(t)
  const csv =
    'E-Mail;Vorname;Nachname;Wohnort\nann@example.com;Ann;"von; Berg";Köln\nnot an address;X;Y;Z\n\n"bob@example.com";"Bo\nb";;\n'
  const done = await run(csv)
  assert.equal(done.state, 'completed')
  assert.deepEqual(done.dialect, {
    encoding: 'utf-8',
    bom_bytes: 0,
    delimiter: ';',
    quote: '"',
    newline: '\n',
    header: true,
    sep_line: false,
    columns: ['E-Mail', 'Vorname', 'Nachname', 'Wohnort'],
  })
  assert.deepEqual(await contacts(), [
    {
      email: 'ann@example.com',
      first_name: 'Ann',
      last_name: 'von; Berg',
      attributes: { wohnort: 'Köln' },
      status: 'subscribed',
    },
    { email: 'bob@example.com', first_name: 'Bo b', last_name: null, attributes: {}, status: 'subscribed' },
  ])
  assert.deepEqual(
    (await rejects(done.id)).map(({ line, code, raw }) => ({ line, code, raw })),
    [{ line: 3, code: 'no_at', raw: 'not an address;X;Y;Z' }],
  )
  assert.deepEqual([done.rows_read, done.rows_created, done.rows_rejected], [3, 2, 1])
})

for (const chunkRows of [1, 2, 3, 1000]) {
  test(`duplicates in a file are merged, the last one wins, whatever the chunks (${chunkRows} rows)`, async (t) => {
    const { run, contacts } = await room(t)
    const csv =
      'email,first_name,city,plan\na@x.com,A,Rome,\nb@x.com,B,,\nA@X.com,,Paris,pro\na@x.com,Anna,,\nb@x.com,,,\n'
    const done = await run(csv, { chunkRows })
    assert.deepEqual([done.rows_created, done.rows_updated, done.rows_duplicate], [2, 0, 3])
    assert.deepEqual(await contacts(), [
      {
        email: 'a@x.com',
        first_name: 'Anna',
        last_name: null,
        attributes: { city: 'Paris', plan: 'pro' },
        status: 'subscribed',
      },
      { email: 'b@x.com', first_name: 'B', last_name: null, attributes: {}, status: 'subscribed' },
    ])
    const again = await run(csv.replace('Anna', 'Annie'), { chunkRows })
    assert.deepEqual([again.rows_created, again.rows_updated, again.rows_duplicate], [0, 2, 3])
    const skipped = await run(csv, { chunkRows, onExisting: 'skip' })
    assert.deepEqual([skipped.rows_created, skipped.rows_skipped, skipped.rows_duplicate], [0, 2, 3])
    assert.equal((await contacts())[0]?.first_name, 'Annie')
  })

  test(`with skip the first of the duplicates wins (${chunkRows} rows a chunk)`, async (t) => {
    const { run, contacts } = await room(t)
    const done = await run('email,first_name\na@x.com,First\na@x.com,Second\n', {
      chunkRows,
      onExisting: 'skip',
    })
    assert.deepEqual([done.rows_created, done.rows_duplicate], [1, 1])
    assert.equal((await contacts())[0]?.first_name, 'First')
  })
}

test('suppressed addresses stay suppressed: the contact is stored, an unsubscription is not revived', async (t) => {
  const { run, contacts, deps, tenantId, listId } = await room(t)
  await run('email\nold@x.com\nother@x.com\n')
  await asTenant(deps.db, tenantId, async (tx) => {
    await sql`update subscriptions set status = 'unsubscribed', unsubscribed_at = now() where contact_id = (select id from contacts where email = 'old@x.com')`.execute(
      tx,
    )
    await addSuppressions(
      tx,
      tenantId,
      [
        { addressKey: 'gone@x.com', listId, reason: 'unsubscribed' },
        { addressKey: 'dead@x.com', listId: null, reason: 'hard_bounce' },
        { addressKey: 'elsewhere@x.com', listId: uuidv7(), reason: 'unsubscribed' },
      ],
      new Date(),
    )
  })
  const done = await run('email\nold@x.com\nother@x.com\ngone@x.com\ndead@x.com\nelsewhere@x.com\n')
  assert.deepEqual([done.rows_created, done.rows_updated, done.rows_suppressed], [3, 2, 3])
  assert.deepEqual(
    (await contacts()).map(({ email, status }) => [email, status]),
    [
      ['dead@x.com', 'subscribed'],
      ['elsewhere@x.com', 'subscribed'],
      ['gone@x.com', 'unsubscribed'],
      ['old@x.com', 'unsubscribed'],
      ['other@x.com', 'subscribed'],
    ],
  )
})
