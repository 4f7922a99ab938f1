import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
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
import { countRows, testDatabase } from '@pigeon/server/test/database.ts'
import type { TestDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { runImports } from './imports.jobs.ts'
import { selectImport, selectRejects } from './imports.store.ts'
import type { Import } from './import.ts'
import { sampleContactsCsv } from './sample-contacts.ts'
import { startImport, storeImportFile } from './start-import.ts'
import type { ImportRequest } from './start-import.ts'

interface Room {
  readonly deps: Parameters<typeof startImport>[0]
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
    database,
    dataDir,
    find,
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

test('counts of a list follow its subscriptions', async (t) => {
  const { run, database, listId } = await room(t)
  await run(`email\n${Array.from({ length: 500 }, (_, i) => `p${i}@x.com`).join('\n')}\n`, { chunkRows: 3 })
  await sql`update subscriptions set status = 'unsubscribed' where contact_id in (select id from contacts where email_key like 'p1%')`.execute(
    database.admin,
  )
  await sql`delete from subscriptions where contact_id in (select id from contacts where email_key like 'p2%')`.execute(
    database.admin,
  )
  const { rows } = await sql<{ subscribed: number; unsubscribed: number; rows: number }>`
    select sum(subscribed)::int as subscribed, sum(unsubscribed)::int as unsubscribed, count(*)::int as rows from list_counts where list_id = ${listId}`.execute(
    database.admin,
  )
  assert.deepEqual([rows[0]?.subscribed, rows[0]?.unsubscribed], [500 - 111 - 111, 111])
  assert.ok((rows[0]?.rows ?? 0) <= 100, `${rows[0]?.rows} rows of differences`)
})

test('bad files fail with a sentence that says what to do, and touch nothing', async (t) => {
  const { run, contacts } = await room(t)
  const zip = Buffer.from('PK\x03\x04 whatever', 'latin1')
  for (const [file, says] of [
    ['', /empty/],
    [zip, /save it as CSV/],
    ['name\nAnn\n', /No column with email addresses/],
  ] as const) {
    const done = await run(file)
    assert.equal(done.state, 'failed')
    assert.match(done.error ?? '', says)
  }
  assert.deepEqual(await contacts(), [])
})

test('bad rows of every kind are reported, and all good rows are stored', async (t) => {
  const { run, contacts, rejects } = await room(t)
  const csv = [
    'email,first_name,note',
    'good1@x.com,A,',
    '"new\nline@x.com",B,',
    `${'a'.repeat(1000)}@x.com,C,`,
    'email,first_name,note',
    'good2@x.com,D,"multi',
    'line"',
    'too@x.com,many,cells,here',
    '"open@x.com,E,',
    'good3@x.com,F,"say ""hi"" \\ {x}"',
    `long@x.com,${'n'.repeat(300)},`,
    `huge@x.com,,${'v'.repeat(3000)}`,
    'nul\0@x.com,,',
    ',,',
    'GOOD3@x.com,F,',
  ].join('\n')
  for (const chunkRows of [1, 1000]) {
    const done = await run(csv, { chunkRows })
    assert.deepEqual(
      (await rejects(done.id)).map(({ line, code }) => [line, code]),
      [
        [3, 'control_character'],
        [5, 'too_long'],
        [6, 'repeated_header'],
        [9, 'too_many_cells'],
        [10, 'text_after_quote'],
        [12, 'name_too_long'],
        [13, 'value_too_long'],
        [14, 'nul_character'],
      ],
    )
  }
  assert.deepEqual(
    (await contacts()).map(({ email, attributes }) => [email, attributes]),
    [
      ['good1@x.com', {}],
      ['good2@x.com', { note: 'multi\nline' }],
      ['GOOD3@x.com', { note: 'say "hi" \\ {x}' }],
    ],
  )
})

test('a line of 100 MB in the middle costs one row', async (t) => {
  const { run, contacts, rejects } = await room(t)
  const csv = Buffer.concat([
    Buffer.from('email\na@x.com\n'),
    Buffer.alloc(100 * 1024 * 1024, 'y'),
    Buffer.from('\nb@x.com\n'),
  ])
  const done = await run(csv)
  assert.deepEqual(
    (await rejects(done.id)).map(({ line, code }) => [line, code]),
    [[3, 'record_too_long']],
  )
  assert.equal((await contacts()).length, 2)
  assert.equal(done.byte_offset, csv.length)
})

for (const seed of [1, 2, 3]) {
  test(`an import whose worker is killed again and again loses nothing and doubles nothing (${seed})`, async (t) => {
    const { deps, database, dataDir, find, tenantId, listId } = await room(t)
    const csv = [...sampleContactsCsv({ count: 3_000, seed, badRows: 0.03 })].join('')
    // The whole file twice: the second half are duplicates of the first, across all chunks.
    const file = await storeImportFile(deps, tenantId, Buffer.from(csv + csv))
    const { id } = await startImport(deps, tenantId, file, {
      listId,
      fileName: 'k.csv',
      onExisting: seed === 2 ? 'skip' : 'upsert',
    })
    const worker = () =>
      spawn(
        process.execPath,
        ['src/contacts/run-imports-process.ts', JSON.stringify(database.connections.api), dataDir, '97'],
        {
          cwd: new URL('../../', import.meta.url),
          stdio: ['ignore', 'inherit', 'inherit'],
        },
      )
    let kills = 0
    for (const share of [0.02, 0.3, 0.55, 0.8]) {
      const child = worker()
      const from = (await find(id))?.rows_read ?? 0
      await waitFor(
        'some progress',
        async () => {
          const found = await find(id)
          return found !== undefined && found.rows_read > from && found.rows_read >= share * 6_000
            ? found
            : undefined
        },
        30_000,
      )
      // Somewhere within a chunk: each seed and share at another moment.
      for (let turns = 0; turns < (seed * 7 + kills * 3) % 11; turns += 1) await find(id)
      child.kill('SIGKILL')
      await once(child, 'exit')
      kills += 1
    }
    const last = worker()
    const done = await waitFor(
      'the import to end',
      async () => {
        const found = await find(id)
        return found?.state === 'completed' ? found : undefined
      },
      30_000,
    )
    last.kill('SIGTERM')
    await once(last, 'exit')
    assert.equal(done.rows_created, 3_000)
    assert.equal(done.rows_updated + done.rows_skipped, 0)
    assert.equal(done.rows_duplicate, 3_000)
    assert.equal(done.rows_read, done.rows_created + done.rows_duplicate + done.rows_rejected)
    assert.equal(await countRows(database.admin, 'contacts'), 3_000)
    assert.equal(await countRows(database.admin, 'subscriptions'), 3_000)
    assert.equal(await countRows(database.admin, 'import_rejects'), done.rows_rejected)
    assert.ok(done.rows_rejected > 100)
  })
}

test('when two workers have one import, only one of them moves it', async (t) => {
  const { deps, find, tenantId, listId } = await room(t)
  const csv = [...sampleContactsCsv({ count: 2_000, seed: 9, badRows: 0 })].join('')
  const file = await storeImportFile(deps, tenantId, Buffer.from(csv))
  const { id } = await startImport(deps, tenantId, file, { listId, fileName: 'k.csv', onExisting: 'upsert' })
  const stop = new AbortController()
  // Leases that end at once: the second takes over from the first, over and over.
  const early = {
    ...systemClock,
    now: () => new Date(Date.now() + 3_600_000 * Math.floor(performance.now() % 100)),
  }
  const log = createLog({ level: 'silent', role: 'test' })
  const workers = ['a', 'b', 'c'].map((workerName) =>
    runImports({ ...deps, clock: early, log, signal: stop.signal, workerName, chunkRows: 50 }),
  )
  const done = await waitFor(
    'the import to end',
    async () => {
      const found = await find(id)
      return found?.state === 'completed' ? found : undefined
    },
    30_000,
  )
  stop.abort()
  await Promise.all(workers)
  assert.deepEqual([done.rows_read, done.rows_created, done.rows_duplicate], [2_000, 2_000, 0])
})
