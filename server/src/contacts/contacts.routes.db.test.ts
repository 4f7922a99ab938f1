import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { sql } from 'kysely'
import { uuidv7 } from '#platform/ids.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { createLog } from '#platform/log.ts'
import { contactsApp } from './contacts-test-app.ts'
import { runImports } from './imports.jobs.ts'

const NOBODY = '01900000-0000-7000-8000-000000000000'

test('lists are created, read, changed, paged and deleted', async (t) => {
  const { call } = await contactsApp(t)
  const made = await call('POST', '/v1/lists', { name: ' News ', description: 'Monthly' })
  assert.equal(made.status, 201)
  assert.deepEqual([made.body['name'], made.body['status'], made.body['subscribed']], ['News', 'active', 0])
  const url = `/v1/lists/${made.body.id}`
  assert.equal((await call('PUT', url, { name: 'Old news', status: 'archived' })).body['status'], 'archived')
  const page = await call('GET', '/v1/lists?limit=1')
  assert.deepEqual([page.body.data?.length, page.body.has_more], [1, true])
  assert.equal((await call('GET', `/v1/lists?cursor=${page.body.next_cursor}`)).body.data?.length, 1)
  assert.equal((await call('DELETE', url)).status, 204)
  for (const [method, body] of [
    ['GET', undefined],
    ['PUT', { name: 'x' }],
    ['DELETE', undefined],
  ] as const) {
    assert.equal((await call(method, url, body)).status, 404)
  }
  assert.equal((await call('POST', '/v1/lists', { name: '   ' })).status, 422)
})

test('a list that a campaign uses is not deleted', async (t) => {
  const { call, database, tenantId, listId } = await contactsApp(t)
  await sql`insert into campaigns (tenant_id, name, list_id, from_email, created_at, updated_at) values (${tenantId}, 'Spring', ${listId}, 'a@x.com', now(), now())`.execute(
    database.admin,
  )
  const refused = await call('DELETE', `/v1/lists/${listId}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'lists.in_use'])
  assert.match(String(refused.body['detail']), /Spring/)
})

test('contacts are stored once for each address of the tenant, with their spelling', async (t) => {
  const { call, listId } = await contactsApp(t)
  const url = `/v1/lists/${listId}/contacts`
  const first = await call('POST', url, {
    contacts: [
      { email: 'Ann@Bücher.example', first_name: 'Ann', attributes: { city: 'Rio', age: 3, vip: true } },
    ],
  })
  assert.equal(first.status, 201)
  assert.deepEqual([first.body['created'], first.body['updated']], [1, 0])
  const again = await call('POST', url, {
    contacts: [
      { email: 'ANN@xn--bcher-kva.example', attributes: { age: 4, city: null } },
      { email: 'bob@x.com' },
    ],
  })
  assert.deepEqual([again.body['created'], again.body['updated']], [1, 1])
  const ann = again.body.data?.[0]
  assert.deepEqual(
    [ann?.['email'], ann?.['first_name'], ann?.['attributes']],
    ['ANN@xn--bcher-kva.example', 'Ann', { age: 4, vip: true }],
  )
  const skipped = await call('POST', url, {
    contacts: [{ email: 'bob@x.com', first_name: 'B' }],
    on_existing: 'skip',
  })
  assert.deepEqual([skipped.body['skipped'], skipped.body.data?.[0]?.['first_name']], [1, null])
  const found = await call('GET', '/v1/contacts?email=ann%40b%C3%BCcher.example')
  assert.deepEqual(
    found.body.data?.map(({ email }) => email),
    ['ANN@xn--bcher-kva.example'],
  )
  assert.deepEqual((await call('GET', '/v1/contacts?email=nonsense')).body.data, [])
  assert.equal((await call('GET', `/v1/lists/${listId}`)).body['subscribed'], 2)
})

test('one bad contact refuses the call and names every fault by its index', async (t) => {
  const { call, listId, contacts } = await contactsApp(t)
  const url = `/v1/lists/${listId}/contacts`
  const refused = await call('POST', url, {
    contacts: [
      { email: 'fine@x.com' },
      { email: 'a@x.com\r\nBcc: all@x.com' },
      { email: 'b@x.com', attributes: { 'no way': 1 } },
    ],
  })
  assert.equal(refused.status, 422)
  assert.deepEqual(
    refused.body.errors?.map(({ field, code }) => [field, code]),
    [
      ['contacts[1].email', 'control_character'],
      ['contacts[2].attributes.no way', 'bad_name'],
    ],
  )
  const unstorable = await call('POST', url, {
    contacts: [{ email: 'c@x.com', first_name: '\ud800', attributes: { n: 'nul\0' } }],
  })
  assert.deepEqual(
    unstorable.body.errors?.map(({ field }) => field),
    ['contacts[0].first_name', 'contacts[0].attributes.n'],
  )
  const long = await call('POST', url, {
    contacts: [{ email: 'b@x.com', attributes: { ok: 'x'.repeat(2_001) } }],
  })
  assert.equal(long.status, 422)
  assert.deepEqual(await contacts(), [])
  const many = Array.from({ length: 1_001 }, (_, i) => ({ email: `p${i}@x.com` }))
  assert.equal((await call('POST', url, { contacts: many })).status, 422)
  assert.equal((await call('POST', url, { contacts: many.slice(1) })).body['created'], 1_000)
  assert.equal(
    (await call('POST', `/v1/lists/${NOBODY}/contacts`, { contacts: [{ email: 'x@x.com' }] })).status,
    404,
  )
})

test('a contact is read with its lists, replaced and deleted', async (t) => {
  const { call, listId } = await contactsApp(t)
  const made = await call('POST', `/v1/lists/${listId}/contacts`, {
    contacts: [{ email: 'a@x.com', attributes: { x: 1 } }, { email: 'b@x.com' }],
  })
  const url = `/v1/contacts/${made.body.data?.[0]?.id}`
  const read = await call('GET', url)
  assert.deepEqual(read.body['lists'], [
    {
      list_id: listId,
      name: 'l',
      status: 'subscribed',
      subscribed_at: made.body.data?.[0]?.['subscribed_at'],
      unsubscribed_at: null,
    },
  ])
  const changed = await call('PUT', url, { email: 'A2@x.com', last_name: 'Z' })
  assert.deepEqual(
    [changed.body['email'], changed.body['last_name'], changed.body['attributes']],
    ['A2@x.com', 'Z', {}],
  )
  const taken = await call('PUT', url, { email: 'B@x.com' })
  assert.deepEqual([taken.status, taken.body.code], [409, 'contacts.address_taken'])
  assert.equal((await call('PUT', url, { email: 'nope' })).status, 422)
  assert.equal((await call('DELETE', url)).status, 204)
  assert.equal((await call('GET', url)).status, 404)
  assert.equal((await call('PUT', url, { email: 'q@x.com' })).status, 404)
  assert.equal((await call('GET', `/v1/lists/${listId}`)).body['subscribed'], 1)
})

test('contacts of a list are paged to the last one, and filtered by status', async (t) => {
  const { call, listId } = await contactsApp(t)
  await call('POST', `/v1/lists/${listId}/contacts`, {
    contacts: Array.from({ length: 25 }, (_, i) => ({ email: `p${i}@x.com` })),
  })
  const seen = new Set<unknown>()
  let url = `/v1/lists/${listId}/contacts?limit=10`
  for (let pages = 1; ; pages += 1) {
    const { body } = await call('GET', url)
    for (const row of body.data ?? []) seen.add(row.id)
    if (body.has_more !== true) {
      assert.equal(pages, 3)
      break
    }
    url = `/v1/lists/${listId}/contacts?limit=10&cursor=${body.next_cursor}`
  }
  assert.equal(seen.size, 25)
  assert.deepEqual((await call('GET', `/v1/lists/${listId}/contacts?status=unsubscribed`)).body.data, [])
  assert.equal((await call('GET', `/v1/lists/${NOBODY}/contacts`)).status, 404)
})

test('who unsubscribed stays unsubscribed when stored again, unless the person asked for it', async (t) => {
  const { call, listId } = await contactsApp(t)
  const url = `/v1/lists/${listId}/contacts`
  await call('POST', '/v1/suppressions', {
    suppressions: [{ email: 'a@x.com', list_id: listId, reason: 'unsubscribed' }, { email: 'b@x.com' }],
  })
  const stored = await call('POST', url, {
    contacts: [{ email: 'A@x.com' }, { email: 'b@x.com', resubscribe: true }],
  })
  assert.deepEqual(
    stored.body.data?.map(({ status }) => status),
    ['unsubscribed', 'subscribed'],
  )
  assert.equal(
    (await call('POST', url, { contacts: [{ email: 'a@x.com' }] })).body.data?.[0]?.['status'],
    'unsubscribed',
  )
  const back = await call('POST', url, { contacts: [{ email: 'a@x.com', resubscribe: true }] })
  assert.equal(back.body.data?.[0]?.['status'], 'subscribed')
  const left = await call('GET', '/v1/suppressions')
  assert.deepEqual(
    left.body.data?.map(({ email, reason }) => [email, reason]),
    [['b@x.com', 'manual']],
  )
})

test('another tenant sees and changes nothing of it', async (t) => {
  const { call, listId, database } = await contactsApp(t)
  const other = uuidv7()
  await sql`insert into tenants (tenant_id, name, created_at, updated_at) values (${other}, 'o', now(), now())`.execute(
    database.admin,
  )
  const made = await call('POST', `/v1/lists/${listId}/contacts`, { contacts: [{ email: 'a@x.com' }] })
  const as = { 'x-tenant': other }
  const contact = `/v1/contacts/${made.body.data?.[0]?.id}`
  for (const url of ['/v1/lists', '/v1/contacts', '/v1/imports', '/v1/suppressions']) {
    assert.deepEqual((await call('GET', url, undefined, as)).body.data, [])
  }
  for (const url of [`/v1/lists/${listId}`, contact, `/v1/lists/${listId}/contacts`])
    assert.equal((await call('GET', url, undefined, as)).status, 404)
  for (const url of [`/v1/lists/${listId}`, contact])
    assert.equal((await call('DELETE', url, undefined, as)).status, 404)
  assert.equal(
    (await call('POST', `/v1/lists/${listId}/contacts`, { contacts: [{ email: 'b@x.com' }] }, as)).status,
    404,
  )
})

test('a file is uploaded, its dialect shown, its progress polled and its rejects downloaded', async (t) => {
  const { call, upload, deps, listId } = await contactsApp(t)
  const csv = 'Kunde;Ort;Alter\nann@x.com;"Rio; BR";7\nbad "row"\n;;\nbob@x.com;Ulm;8\n'
  const made = await upload(listId, csv, {
    mapping: '{"Ort":"attributes.city","Alter":"ignore"}',
    on_existing: 'skip',
  })
  assert.equal(made.status, 202, JSON.stringify(made.body))
  assert.deepEqual(made.body['dialect'], {
    encoding: 'utf-8',
    delimiter: ';',
    quote: '"',
    newline: '\n',
    header: true,
    columns: ['Kunde', 'Ort', 'Alter'],
  })
  assert.deepEqual(made.body['mapping'], [
    { column: 'Kunde', target: 'email' },
    { column: 'Ort', target: 'attributes.city' },
    { column: 'Alter', target: 'ignore' },
  ])
  const stop = new AbortController()
  const worker = runImports({
    ...deps,
    log: createLog({ level: 'error', role: 't' }),
    signal: stop.signal,
    workerName: 'w',
  })
  const done = await waitFor('the import', async () => {
    const { body } = await call('GET', `/v1/imports/${made.body.id}`)
    return body['state'] === 'completed' ? body : undefined
  })
  stop.abort()
  await worker
  assert.deepEqual(
    [done['rows_read'], done['rows_created'], done['rows_rejected'], done['progress'], done['bytes_read']],
    [3, 2, 1, 1, Buffer.byteLength(csv)],
  )
  const rejects = await call('GET', `/v1/imports/${made.body.id}/rejects`)
  assert.equal(rejects.headers['content-type'], 'text/csv; charset=utf-8')
  assert.equal(rejects.text, 'line,code,reason,row\r\n3,no_at,"The address has no @.","bad ""row"""\r\n')
  assert.equal((await call('GET', '/v1/imports')).body.data?.length, 1)
  assert.equal((await call('GET', `/v1/imports/${NOBODY}`)).status, 404)
  assert.equal((await call('GET', `/v1/imports/${NOBODY}/rejects`)).status, 404)
})

test('an upload that cannot be done is refused, or is an import that failed with what to do', async (t) => {
  const { upload, listId, call } = await contactsApp(t)
  const csv = 'email\na@x.com\n'
  assert.equal((await upload(NOBODY, csv)).status, 404)
  const bad: Record<string, string>[] = [
    { mapping: 'not json' },
    { mapping: '{"a":"name"}' },
    { on_existing: 'maybe' },
    { delimiter: 'x' },
    { encoding: 'ebcdic' },
    { unknown: '1' },
  ]
  for (const fields of bad) {
    const refused = await upload(listId, csv, fields)
    assert.deepEqual(
      [refused.status, refused.body.errors?.[0]?.field],
      [422, Object.keys(fields)[0]],
      JSON.stringify(refused.body),
    )
  }
  const failed = await upload(listId, '')
  assert.deepEqual([failed.status, failed.body['state']], [202, 'failed'])
  assert.match(String(failed.body['error']), /empty/)
  assert.equal((await call('POST', `/v1/lists/${listId}/import`, { email: 'a@x.com' })).status, 422)
})

test('two uploads at once with one key are one import, and one file is kept', async (t) => {
  const { call, upload, listId, dataDir } = await contactsApp(t)
  const key = { 'idempotency-key': 'upload-2' }
  const both = await Promise.all([1, 2].map(() => upload(listId, 'email\nann@x.com\n', {}, key)))
  const made = both.filter(({ status }) => status === 202)
  assert.ok(made.length >= 1 && new Set(made.map(({ body }) => body.id)).size === 1)
  for (const { status, body } of both)
    if (status !== 202) assert.deepEqual([status, body.code], [409, 'idempotency.in_progress'])
  const imports = await call('GET', '/v1/imports')
  assert.deepEqual(
    imports.body.data?.map(({ id }) => id),
    [made[0]?.body.id],
  )
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
  assert.deepEqual(
    files.filter((file) => file.isFile()).map(({ name }) => name),
    [made[0]?.body.id],
  )
})

test('an upload that is repeated with its key is one import, and its second copy is not kept', async (t) => {
  const { call, upload, listId, dataDir } = await contactsApp(t)
  const key = { 'idempotency-key': 'upload-1' }
  const csv = 'email\nann@x.com\n'
  const first = await upload(listId, csv, {}, key)
  const again = await upload(listId, csv, {}, key)
  assert.deepEqual([first.status, again.status, again.body], [202, 202, first.body])
  const other = await upload(listId, `${csv}bob@x.com\n`, {}, key)
  assert.deepEqual([other.status, other.body.code], [409, 'idempotency.mismatch'])
  assert.equal((await call('GET', '/v1/imports')).body.data?.length, 1)
  const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
  assert.deepEqual(files.filter((file) => file.isFile()).length, 1)
})
