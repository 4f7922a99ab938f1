import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { DEFAULT_SOURCE_ID } from '#sources/source.ts'
import { record, startFakeDns } from '@pigeon/server/test/fake-dns.ts'
import { sampleCampaign, sampleRoute } from '@pigeon/server/test/factories.ts'
import { explainApi, learn, NOBODY } from './explain-test-api.ts'

const GOOGLE = 'alt1.gmail-smtp-in.l.google.com'
const dns = await startFakeDns(
  { after },
  {
    'MX gmail.example': [record.mx('gmail.example', 10, GOOGLE)],
    [`A ${GOOGLE}`]: [record.a(GOOGLE, '192.0.2.25')],
    'MX parked.example': [record.mx('parked.example', 0, '.')],
    'MX gone.example': 'nxdomain',
    'MX broken.example': 'servfail',
  },
)
const api = await explainApi({ dnsServer: dns.server })
const { call, clock, database, owner } = api
const admin = database.admin

const explain = async (to: string, more: object = {}) => {
  const { status, body } = await call('POST', '/v1/explain', { to, from: 'example.org', ...more })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

test('a message that nothing stops: its hosts, provider, pool, source, TLS and retries, each with the reason', async () => {
  const found = await explain('Ann@gmail.example')
  assert.equal(found.verdict, 'sends')
  assert.equal(found.explanation, 'Mail to Ann@gmail.example would go to google now, from source default.')
  assert.deepEqual(found['mx'], {
    kind: 'hosts',
    ttl_seconds: 300,
    reason: null,
    hosts: [{ name: GOOGLE, priority: 10, addresses: ['192.0.2.25'] }],
  })
  assert.deepEqual(found['provider'], {
    name: 'google',
    reason: `The best mail host, ${GOOGLE}, ends in google.com.`,
  })
  assert.deepEqual(
    found.sources?.map(({ source, state, can_send }) => [source, state, can_send]),
    [['default', 'open', true]],
  )
  assert.match(JSON.stringify(found['pool']), /nothing nearer names one/)
  assert.match(JSON.stringify(found['sender']), /"signed_by":"example\.org","dkim":\[\{.*rsa.*ed/)
  assert.match(
    JSON.stringify(found['tls']),
    /gmail\.example asks for nothing.*wherever the receiver offers it/,
  )
  assert.deepEqual(found['retry'], {
    waits_seconds: [1, 2, 4, 8],
    expires_seconds: 30,
    reason:
      'Refused for good, it bounces at once. Put off, it is tried again after about 1 second, 2 seconds, 4 seconds, 8 seconds; after 30 seconds it has failed.',
  })
})

test('a sender whose domain is not verified stops it, with what to do', async () => {
  const found = await explain('ann@gmail.example', { from: 'news@other.example' })
  assert.equal(found.verdict, 'stops')
  assert.match(found.explanation ?? '', /other\.example is not verified\. Add it with POST \/v1\/domains/)
})

test('a suppressed address is said to be so before anything else', async () => {
  await sql`
    insert into suppressions (tenant_id, address_key, reason, created_at)
    values (${owner.tenantId}, 'no@gmail.example', 'complaint', now())`.execute(admin)
  const found = await explain('No@gmail.example')
  assert.deepEqual([found.verdict, found['suppressed']], ['stops', 'complaint'])
  assert.match(found.explanation ?? '', /is suppressed \(complaint\)/)
})

test('a domain that takes no mail, one that is not there, and one that cannot be asked', async () => {
  const codes = async (domain: string) => {
    const { verdict, obstacles } = await explain(`ann@${domain}`)
    return [verdict, obstacles?.[0]?.code]
  }
  assert.deepEqual(await codes('parked.example'), ['stops', 'null_mx'])
  assert.deepEqual(await codes('gone.example'), ['stops', 'no_domain'])
  assert.deepEqual(await codes('broken.example'), ['waits', 'dns_failed'])
})

test('while the only lane is suspended the message waits, and the words of the provider say why', async (t) => {
  t.after(() => sql`delete from lanes`.execute(admin))
  const until = new Date(clock.now().getTime() + 600_000)
  await learn(api, 'google', { state: 'suspended', reason: '421 4.7.28 Unusual rate', until })
  const found = await explain('ann@gmail.example')
  assert.equal(found.verdict, 'waits')
  assert.match(
    found.explanation ?? '',
    /No source of the pool default may send to google now\..*421 4\.7\.28/,
  )
  assert.deepEqual(found['wait'], { seconds: 600, reason: 'No source may send before 2026-01-01 00:10 UTC.' })
  await learn(api, 'google', { state: 'slowed', reason: '421 Slow down', pace: 0.5 })
  const slowed = await explain('ann@gmail.example')
  assert.equal(slowed.verdict, 'sends')
  assert.match(JSON.stringify(slowed.sources), /"state":"slowed".*"allowed_per_minute":30/)
})

test('what a person ordered of a lane counts, and a pool without sources says how to get some', async (t) => {
  t.after(async () => {
    await sql`delete from lane_orders`.execute(admin)
    await sql`update sources set status = 'active'`.execute(admin)
  })
  await sql`
    insert into lane_orders (mode, provider, source_id, paused, created_at)
    values ('sandbox', 'google', ${DEFAULT_SOURCE_ID}, 'Asked by Google.', now())`.execute(admin)
  assert.match(
    (await explain('ann@gmail.example')).explanation ?? '',
    /A person has paused it: Asked by Google\./,
  )
  await sql`update sources set status = 'disabled'`.execute(admin)
  const empty = await explain('ann@gmail.example')
  assert.deepEqual([empty.verdict, empty.obstacles?.[0]?.code], ['waits', 'no_source'])
})

test('a campaign brings its sender, list and pool, and its waiting mail is counted', async () => {
  const { tenantId } = owner
  const tenant = { tenantId, contactIds: [], listId: '', templateId: '' }
  const listId = await sql<{ id: string }>`
    insert into lists (tenant_id, name, created_at, updated_at) values (${tenantId}, 'L', now(), now()) returning id`.execute(
    admin,
  )
  const templateId = await sql<{ id: string }>`
    insert into templates (tenant_id, name, version, created_at, updated_at) values (${tenantId}, 'T', 1, now(), now()) returning id`.execute(
    admin,
  )
  const id = await sampleCampaign(database, {
    ...tenant,
    listId: listId.rows[0]?.id ?? '',
    templateId: templateId.rows[0]?.id ?? '',
  })
  await sampleRoute(database, 'gmail.example', 'google', 3)
  await sql`
    insert into deliveries (message_id, tenant_id, queue_id, mode, domain, shard, destination, due_at)
    select gen_random_uuid(), ${tenantId}, ${id}, 'sandbox', 'gmail.example', r.shard, r.destination, '2025-12-31'
      from routes r, generate_series(1, 24000)`.execute(admin)
  const { status, body } = await call('POST', '/v1/explain', { to: 'ann@gmail.example', campaign_id: id })
  assert.equal(status, 200)
  assert.match(body.explanation ?? '', /sender\.example is not verified/)
  assert.match(
    JSON.stringify(body['wait']),
    /"seconds":120,.*24000 of your messages wait for google, and about 12000 a minute/,
  )
  assert.deepEqual(Object.keys(body['destination'] ?? {}), ['id', 'shard', 'stopped'])
  const stranger = await api.signUp()
  const theirs = { to: 'ann@gmail.example', campaign_id: id }
  assert.equal((await call('POST', '/v1/explain', theirs, stranger.token)).status, 404)
})

test('404: the campaign is not there', async () => {
  const { status, body } = await call('POST', '/v1/explain', { to: 'a@gmail.example', campaign_id: NOBODY })
  assert.deepEqual([status, body.code], [404, 'campaigns.not_found'])
})

test('422: what is no address, and a message from nobody', async () => {
  const slip = await call('POST', '/v1/explain', { to: 'ann.gmail.example', from: 'example.org' })
  assert.deepEqual([slip.status, slip.body.code], [422, 'explain.bad_address'])
  const bad = await call('POST', '/v1/explain', { to: 'ann@gmail.example', from: 'a b' })
  assert.deepEqual([bad.status, bad.body.code], [422, 'explain.bad_sender'])
  const nobody = await call('POST', '/v1/explain', { to: 'ann@gmail.example' })
  assert.deepEqual([nobody.status, nobody.body.code], [422, 'explain.no_sender'])
})

test('403: who may not send does not ask whether it would go', async () => {
  const viewer = await api.signUp('viewer')
  const body = { to: 'ann@gmail.example', from: 'example.org' }
  assert.equal((await call('POST', '/v1/explain', body, viewer.token)).status, 403)
})
