import assert from 'node:assert/strict'
import { test } from 'node:test'
import { strFromU8, unzipSync } from 'fflate'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { sampleCampaign, sampleTenant, testStream } from '@pigeon/server/test/factories.ts'
import { testHistory } from '@pigeon/server/test/history.ts'
import { NOBODY } from '@pigeon/server/test/operation-api.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { registerPrivacy } from './privacy.routes.ts'

type Row = Readonly<Record<string, unknown>>

const analytics = await testHistory()

test('an archive has everything about one person, of one tenant, and the audit log no address', async (t) => {
  const api = await testApi({ register: (app, deps) => registerPrivacy(app, { ...deps, analytics }) })
  const { database, clock } = api
  const stream = await testStream(t, database)
  const tenant = await sampleTenant(database, { contacts: 2 })
  const { tenantId, contactIds } = tenant
  const campaignId = await sampleCampaign(database, tenant)
  await fanOutChunk({ db: database.engine, stream, clock }, campaignId, 10)
  const messages = await database.admin
    .selectFrom('messages')
    .select(['id', 'recipient', 'contact_id'])
    .execute()
  const [mine] = messages.filter((message) => message.contact_id === contactIds[0])
  assert.ok(mine)
  const at = '2026-01-01T00:00:00.000Z'
  for (const { id } of messages) {
    const same = { tenant_id: tenantId, campaign_id: campaignId, message_id: id }
    await analytics.insert('email_events', [
      { ...same, event_type: 'opened', ip_address: '::1', timestamp: new Date().toISOString() },
    ])
    await analytics.insert('attempts', [
      {
        ...same,
        attempt: 1,
        started_at: new Date().toISOString(),
        ended_at: at,
        transcript: `RCPT TO:<${id}>`,
      },
    ])
  }
  const { token } = await api.member(tenantId, 'owner')
  const read = async (url: string, body?: object, as = token) => {
    const reply = await api.call(
      body === undefined ? 'GET' : 'POST',
      url,
      body === undefined ? { token: as } : { token: as, body },
    )
    return { status: reply.statusCode, bytes: reply.rawPayload }
  }
  const byId = await read(`/v1/contacts/${contactIds[0]}/export`)
  assert.equal(byId.status, 200)
  const files = filesOf(byId.bytes)
  assert.deepEqual(
    files['contacts']?.map(({ email }) => email),
    [mine.recipient],
  )
  assert.equal(files['subscriptions']?.[0]?.['name'], 'List')
  assert.deepEqual(
    files['messages']?.map(({ id }) => id),
    [mine.id],
  )
  assert.deepEqual(
    files['events']?.map((event) => [event['message_id'], event['event_type'], event['ip_address']]),
    [[mine.id, 'opened', '::1']],
  )
  assert.deepEqual(
    files['attempts']?.map(({ transcript }) => transcript),
    [`RCPT TO:<${mine.id}>`],
  )
  const byAddress = await read('/v1/privacy/export', { email: mine.recipient.toUpperCase() })
  assert.deepEqual(filesOf(byAddress.bytes), files)
  await database.admin.deleteFrom('contacts').execute()
  const gone = filesOf((await read('/v1/privacy/export', { email: mine.recipient })).bytes)
  assert.deepEqual([gone['contacts']?.length, gone['messages']?.length, gone['events']?.length], [0, 1, 1])
  const stranger = await api.signUp()
  const nothing = filesOf((await read('/v1/privacy/export', { email: mine.recipient }, stranger.token)).bytes)
  assert.ok(Object.values(nothing).every((rows) => rows.length === 0))
  assert.equal((await read(`/v1/contacts/${NOBODY}/export`)).status, 404)
  assert.equal((await read('/v1/privacy/export', { email: 'nobody' })).status, 422)
  const viewer = await api.member(tenantId, 'viewer')
  assert.equal((await read('/v1/privacy/export', { email: mine.recipient }, viewer.token)).status, 403)
  const audit = await database.admin
    .selectFrom('audit_entries')
    .selectAll()
    .where('action', '=', 'privacy.export')
    .execute()
  assert.equal(audit.length, 4)
  assert.doesNotMatch(JSON.stringify(audit), /google\.example/i)
})

function filesOf(bytes: Buffer): Record<string, Row[]> {
  return Object.fromEntries(
    Object.entries(unzipSync(bytes)).map(([name, content]) => [
      name.replace('.json', ''),
      JSON.parse(strFromU8(content)),
    ]),
  )
}
