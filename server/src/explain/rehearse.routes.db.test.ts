import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { sql } from 'kysely'
import { addContacts } from '@pigeon/server/test/factories.ts'
import { record, startFakeDns } from '@pigeon/server/test/fake-dns.ts'
import { explainApi, NOBODY } from './explain-test-api.ts'

const GOOGLE = 'alt1.gmail-smtp-in.l.google.com'
const SITE = 'mx.site.example'
const dns = await startFakeDns(
  { after },
  {
    'MX gmail.example': [record.mx('gmail.example', 10, GOOGLE)],
    [`A ${GOOGLE}`]: [record.a(GOOGLE, '192.0.2.25')],
    'MX site.example': [record.mx('site.example', 10, SITE)],
    [`A ${SITE}`]: [record.a(SITE, '192.0.2.26')],
    'MX parked.example': [record.mx('parked.example', 0, '.')],
    'MX broken.example': 'servfail',
  },
)
const { call, database, owner, signUp } = await explainApi({ dnsServer: dns.server })
const { tenantId } = owner
const admin = database.admin

/** A draft to a list with so many contacts, in turns at the domains. */
async function draft(count: number, domains: readonly string[], more: readonly string[] = []) {
  await sql`delete from contacts`.execute(admin)
  const list = await sql<{ id: string }>`
    insert into lists (tenant_id, name, created_at, updated_at) values (${tenantId}, gen_random_uuid()::text, now(), now()) returning id`.execute(
    admin,
  )
  const listId = list.rows[0]?.id ?? ''
  await addContacts(database, { tenantId, listId }, count, domains)
  for (const address of more)
    await sql`
      with made as (
        insert into contacts (tenant_id, email, email_key, created_at, updated_at)
        values (${tenantId}, ${address}, ${address}, now(), now()) returning id)
      insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at)
      select ${listId}, id, ${tenantId}, 'subscribed', now() from made`.execute(admin)
  const campaign = await sql<{ id: string }>`
    insert into campaigns (tenant_id, name, list_id, from_email, created_at, updated_at)
    values (${tenantId}, 'C', ${listId}, 'news@example.org', now(), now()) returning id`.execute(admin)
  return campaign.rows[0]?.id ?? ''
}

const rehearse = async (id: string, body: object = {}) => {
  const found = await call('POST', `/v1/campaigns/${id}/rehearse`, body)
  assert.equal(found.status, 200, JSON.stringify(found.body))
  return found.body
}

function warmUp(t: TestContext, curve: readonly number[]) {
  t.after(() => sql`update sources set warm_up = false`.execute(admin))
  return sql`
    update sources set warm_up = true, warm_up_started_at = '2026-01-01T00:00:00Z', warm_up_curve = ${[...curve]}`.execute(
    admin,
  )
}

test('each provider has its forecast, and everybody on the list is accounted for', async () => {
  const unlucky = [
    'unknown1@gmail.example',
    'reject@gmail.example',
    'ann@parked.example',
    'bob@parked.example',
  ]
  const found = await rehearse(await draft(200, ['gmail.example', 'site.example'], unlucky))
  const { recipients, delivered, bounced, expired } = found
  assert.equal(recipients, 204)
  assert.equal(Number(delivered) + Number(bounced) + Number(expired), 204)
  assert.ok(Number(bounced) >= 3, 'at the least the unknown one and the two at a domain without mail')
  const providers = JSON.stringify(found['providers'])
  assert.match(providers, /"provider":"google","profile":"google","recipients":102,.*"unknown_user":/)
  assert.match(providers, /"provider":"site\.example","profile":"smallisp","recipients":100/)
  assert.match(String(found['summary']), /^\d+ of 202 would be delivered, the last after \d+ /)
  assert.deepEqual([found['as'], found['is_partial'], found['warm_up']], ['sandbox', false, null])
  assert.match(JSON.stringify(found['notes']), /2 recipients at 1 domains that take no mail/)
})

test('the warm-up of the pool is told in days, for the provider that takes longest', async (t) => {
  await warmUp(t, [50, 100, 150, 200])
  const found = await rehearse(await draft(400, ['gmail.example']), { as: 'live' })
  assert.match(
    String(found['summary']),
    /This campaign needs 4 days on pool default: 400 recipients at google, budget today 50\./,
  )
  assert.match(
    JSON.stringify(found['warm_up']),
    /"days":4,"provider":"google","recipients":400,"budget_today":50/,
  )
  assert.ok(Number(found['duration_seconds']) > 3 * 86_400)
  assert.equal(found['expired'], 0, 'what waits for its first attempt does not grow old')
  assert.match(JSON.stringify(found['providers']), /"limited_by":"warmup"/)
})

test('what could not be looked up is said to be missing, and the suppressed are left out', async () => {
  const id = await draft(10, ['gmail.example'], ['ann@broken.example', 'no@gmail.example'])
  await sql`
    insert into suppressions (tenant_id, address_key, reason, created_at)
    values (${tenantId}, 'no@gmail.example', 'manual', now())`.execute(admin)
  const found = await rehearse(id)
  assert.deepEqual([found['recipients'], found['suppressed'], found['is_partial']], [11, 1, true])
  assert.deepEqual(found['unresolved'], { domains: 1, recipients: 1 })
  assert.match(JSON.stringify(found['notes']), /1 recipients at 1 domains are missing/)
})

test('a list without anybody has a forecast of nothing', async () => {
  assert.equal((await rehearse(await draft(0, [])))['summary'], 'Nobody would get it.')
})

test('403: the domain of the sender is not verified', async () => {
  const id = await draft(1, ['gmail.example'])
  await sql`update campaigns set from_email = 'news@other.example' where id = ${id}`.execute(admin)
  const refused = await call('POST', `/v1/campaigns/${id}/rehearse`, {})
  assert.deepEqual([refused.status, refused.body.code], [403, 'domains.not_verified'])
})

test('404: there is no such campaign, or it is of another tenant', async () => {
  assert.equal((await call('POST', `/v1/campaigns/${NOBODY}/rehearse`, {})).status, 404)
  const stranger = await signUp()
  const id = await draft(1, ['gmail.example'])
  const theirs = await call('POST', `/v1/campaigns/${id}/rehearse`, {}, stranger.token)
  assert.equal(theirs.status, 404)
})

test('409: no list is chosen, and no source could send', async (t) => {
  const id = await draft(1, ['gmail.example'])
  t.after(() => sql`update sources set status = 'active'`.execute(admin))
  await sql`update sources set status = 'draining'`.execute(admin)
  const dry = await call('POST', `/v1/campaigns/${id}/rehearse`, {})
  assert.deepEqual([dry.status, dry.body.code], [409, 'rehearsal.no_source'])
  await sql`update campaigns set list_id = null where id = ${id}`.execute(admin)
  const nobody = await call('POST', `/v1/campaigns/${id}/rehearse`, {})
  assert.deepEqual([nobody.status, nobody.body.code], [409, 'rehearsal.no_list'])
})
