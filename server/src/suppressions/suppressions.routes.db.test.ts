import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { createApp } from '#http/app.ts'
import type { Scope } from '#http/scopes.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { openFileObjects } from '#platform/objects/file-objects.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { registerSuppressions } from './suppressions.routes.ts'

const LIST = uuidv7()
const URL = '/v1/suppressions'

interface Found {
  readonly id: string
  readonly email: string
  readonly reason: string
}

interface Answer {
  readonly data: readonly Found[]
  readonly has_more: boolean
  readonly next_cursor: string | null
  readonly code: string
  readonly errors: readonly { readonly field: string }[]
}

/** The routes, called by an owner of the tenant that the header `x-tenant` names; with `x-scopes` by a key of these scopes. */
async function room(t: TestContext) {
  const database = await testDatabase(t)
  const dataDir = await mkdtemp(join(tmpdir(), 'pigeon-suppressions-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  const [tenantId, otherTenant] = [uuidv7(), uuidv7()]
  await sql`
    insert into tenants (tenant_id, name, created_at, updated_at)
    select id, 't', now(), now() from unnest(${[tenantId, otherTenant]}::uuid[]) as id`.execute(
    database.admin,
  )
  const clock = manualClock(new Date('2026-06-01T12:00:00Z'))
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'test' }),
    clock,
    authenticate: async ({ headers }) => {
      // The header names scopes that exist.
      const scopes = headers['x-scopes'] === undefined ? 'all' : [String(headers['x-scopes']) as Scope]
      const tenant = String(headers['x-tenant'] ?? tenantId)
      return { tenantId: tenant, userId: uuidv7(), role: 'owner', scopes, mode: 'sandbox' }
    },
  })
  registerSuppressions(app, { db: database.api, objects: await openFileObjects({ dataDir }), clock })
  await app.ready()
  t.after(async () => app.close())
  const post = (suppressions: readonly object[], headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url: URL, headers, payload: { suppressions } })
  const get = async (query: string) => (await app.inject({ url: `${URL}${query}` })).json<Answer>()
  const emails = async (query: string) => (await get(query)).data.map(({ email }) => email)
  const upload = (csv: string, fields: readonly string[] = []) => {
    const parts = [
      ...fields.map((field) => field.replace('=', '"\r\n\r\n')),
      `file"; filename="blocked.csv"\r\n\r\n${csv}`,
    ]
    const payload = parts.map((part) => `--b\r\nContent-Disposition: form-data; name="${part}\r\n`).join('')
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    return app.inject({ method: 'POST', url: `${URL}/import`, headers, payload: `${payload}--b--\r\n` })
  }
  return { app, database, clock, tenantId, otherTenant, post, get, emails, upload }
}

test('suppressions are added, found by address and paged', async (t) => {
  const { post, get, emails } = await room(t)
  const refused = await post([{ email: 'ok@x.com' }, { email: 'broken' }])
  assert.equal(refused.statusCode, 422)
  assert.deepEqual(
    refused.json<Answer>().errors.map(({ field }) => field),
    ['suppressions[1].email'],
  )
  assert.deepEqual(await emails(''), [])

  const made = await post([
    { email: 'Ann@X.com', note: 'asked by phone' },
    { email: 'ann@x.com' },
    { email: 'bob@x.com', list_id: LIST, reason: 'complaint' },
  ])
  assert.equal(made.statusCode, 201)
  assert.equal(made.json<Answer>().data.length, 2)
  assert.deepEqual(
    (await get('?email=ANN%40x.com')).data.map(({ email, reason }) => [email, reason]),
    [['ann@x.com', 'manual']],
  )
  const first = await get('?limit=1')
  assert.equal(first.has_more, true)
  assert.equal((await get(`?limit=1&cursor=${first.next_cursor}`)).has_more, false)
  assert.equal(
    (await post(Array.from({ length: 1_001 }, (_, i) => ({ email: `p${i}@x.com` })))).statusCode,
    422,
  )
})

test('they are searched by beginning, domain, reason, list, time and whether they are held back', async (t) => {
  const { database, clock, tenantId, post, get, emails } = await room(t)
  await post([{ email: 'an_n@x.com' }, { email: 'anxn@bücher.example', reason: 'complaint' }])
  await clock.advance(60_000)
  await post([{ email: 'bob@x.com', list_id: LIST }])
  await sql`
    insert into suppressions (tenant_id, address_key, reason, created_at, held_at)
    values (${tenantId}, 'held@y.com', 'hard_bounce', ${clock.now()}, ${clock.now()})`.execute(database.admin)
  assert.deepEqual(await emails('?prefix=AN_'), ['an_n@x.com'])
  assert.deepEqual(await emails('?domain=X.com'), ['bob@x.com', 'an_n@x.com'])
  assert.deepEqual(await emails(`?domain=${encodeURIComponent('bücher.example')}`), [
    'anxn@xn--bcher-kva.example',
  ])
  assert.deepEqual(await emails('?reason=complaint'), ['anxn@xn--bcher-kva.example'])
  assert.deepEqual(await emails(`?list_id=${LIST}`), ['bob@x.com'])
  assert.deepEqual(await emails('?since=2026-06-01T12:01:00Z'), ['held@y.com', 'bob@x.com'])
  assert.deepEqual(await emails('?held=true'), ['held@y.com'])
  assert.equal((await get('?held=false')).data.length, 3)
  assert.equal((await get('?since=yesterday')).code, 'request.invalid')
})

test('removing one leaves an audit entry with what there was, and tells delivery', async (t) => {
  const { app, database, post, get } = await room(t)
  await post([{ email: 'ann@x.com' }])
  const [first] = (await get('')).data
  const url = `${URL}/${first?.id}`
  assert.equal((await app.inject({ method: 'DELETE', url })).statusCode, 204)
  assert.equal((await app.inject({ method: 'DELETE', url })).statusCode, 404)
  const { rows } = await sql<{ action: string; subject: string; reason: string }>`
    select action, subject, before->>'reason' as reason from audit_entries`.execute(database.admin)
  assert.deepEqual(rows, [{ action: 'suppressions.remove', subject: 'ann@x.com', reason: 'manual' }])
})

test('who has no right to it, and another tenant, sees and removes nothing', async (t) => {
  const { app, otherTenant, post, get } = await room(t)
  await post([{ email: 'ann@x.com' }])
  const [first] = (await get('')).data
  const url = `${URL}/${first?.id}`
  const asOther = { 'x-tenant': otherTenant }
  assert.deepEqual((await app.inject({ url: URL, headers: asOther })).json<Answer>().data, [])
  assert.equal((await app.inject({ method: 'DELETE', url, headers: asOther })).statusCode, 404)
  const reader = { 'x-scopes': 'suppressions:read' }
  assert.equal((await app.inject({ method: 'DELETE', url, headers: reader })).statusCode, 403)
  assert.equal((await post([{ email: 'bob@x.com' }], reader)).statusCode, 403)
  assert.equal((await app.inject({ url: `${URL}/export`, headers: asOther })).body.split('\r\n').length, 2)
})

test('a file is imported: what can be is added, and the rest is named with its line and reason', async (t) => {
  const { database, upload, get } = await room(t)
  const csv = [
    'E-Mail,reason,note,expires_at',
    'Ann@X.com,,"asked, by phone",',
    'broken,,,',
    'bob@x.com,complaint,,2027-01-01T00:00:00Z',
    'cat@x.com,because,,',
    'dan@x.com,,,tomorrow',
  ].join('\n')
  const reply = await upload(csv, ['reason=unsubscribed'])
  assert.equal(reply.statusCode, 200, reply.body)
  const { rejects, ...counts } = reply.json<{ rejects: { line: number; code: string }[] }>()
  assert.deepEqual(counts, { rows_read: 5, rows_stored: 2, rows_rejected: 3 })
  assert.deepEqual(
    rejects.map(({ line, code }) => [line, code]),
    [
      [3, 'no_at'],
      [5, 'bad_reason'],
      [6, 'bad_end'],
    ],
  )
  assert.deepEqual((await get('')).data.map(({ email, reason }) => [email, reason]).toSorted(), [
    ['ann@x.com', 'unsubscribed'],
    ['bob@x.com', 'complaint'],
  ])
  const { rows } = await sql<{ subject: string }>`select subject from audit_entries`.execute(database.admin)
  assert.deepEqual(rows, [{ subject: 'blocked.csv' }])
})

test('a file that is none, a reason that is none and a file that is too long are refused', async (t) => {
  const { upload, get } = await room(t)
  const none = await upload('name,town\nann,rome\n')
  assert.deepEqual([none.statusCode, none.json<Answer>().code], [422, 'suppressions.bad_file'])
  assert.equal((await upload('a@x.com\n', ['reason=because'])).statusCode, 422)
  assert.equal((await upload('a@x.com\n', ['list_id=7'])).statusCode, 422)
  assert.equal((await upload('a@x.com\n'.repeat(2_700_000))).statusCode, 413)
  assert.deepEqual((await get('')).data, [])
})

test('what is exported is what is in force, and imports as it was', async (t) => {
  const { app, database, tenantId, clock, post, upload, get } = await room(t)
  await post([
    { email: 'ann@x.com', note: 'said "no",\nthen again' },
    { email: 'bob@x.com', list_id: LIST, reason: 'unsubscribed', expires_at: '2027-01-01T00:00:00Z' },
    { email: 'over@x.com', expires_at: '2026-05-01T00:00:00Z' },
  ])
  await sql`
    insert into suppressions (tenant_id, address_key, reason, created_at, held_at)
    values (${tenantId}, 'held@y.com', 'hard_bounce', ${clock.now()}, ${clock.now()})`.execute(database.admin)
  const csv = await app.inject({ url: `${URL}/export` })
  assert.match(String(csv.headers['content-type']), /^text\/csv/)
  assert.equal(csv.body.split('\r\n')[0], 'email,reason,list_id,mode,message_id,note,created_at,expires_at')
  assert.doesNotMatch(csv.body, /over@|held@/)
  const texts = async () =>
    (await get('')).data
      .filter(({ email }) => email === 'ann@x.com' || email === 'bob@x.com')
      .map((each) => JSON.stringify({ ...each, id: '' }))
      .toSorted()
  const before = await texts()
  await sql`delete from suppressions`.execute(database.admin)
  assert.equal((await upload(csv.body)).statusCode, 200)
  assert.deepEqual(await texts(), before)
  const some = await app.inject({ url: `${URL}/export?prefix=bob` })
  assert.equal(some.body.split('\r\n').length, 3)
})
