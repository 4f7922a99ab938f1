import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { addSuppressions } from '#suppressions/add-suppressions.ts'
import { room } from './import-test-room.ts'

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
