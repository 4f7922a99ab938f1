import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { registerAudit } from '#audit/audit.routes.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { recordDeliveries } from './record-deliveries.ts'
import { registerWebhooks } from './webhooks.routes.ts'

const URL = 'https://example.com/pigeon'
const NOBODY = '01900000-0000-7000-8000-000000000000'

async function room() {
  const api = await testApi({
    register: (app, deps) => {
      registerWebhooks(app, { ...deps, allowPrivateWebhooks: false })
      registerAudit(app, deps)
    },
  })
  const owner = await api.signUp()
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
    token = owner.token,
  ) => {
    const reply = await api.call(method, path, body === undefined ? { token } : { token, body })
    return { status: reply.statusCode, body: reply.body === '' ? {} : reply.json(), text: reply.body }
  }
  const make = async (body: object = {}) => (await call('POST', '/v1/webhooks', { url: URL, ...body })).body
  return { ...api, owner, request: call, make }
}

test('a webhook is made, read, changed, disabled and deleted; its secret is shown once and kept encrypted', async () => {
  const { request, make, database } = await room()
  const { secret, ...made } = await make({ events: ['email.bounced', 'email.bounced'], description: 'Shop' })
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{32}$/)
  assert.deepEqual([made.url, made.events, made.enabled], [URL, ['email.bounced'], true])
  const read = await request('GET', `/v1/webhooks/${made.id}`)
  assert.deepEqual([read.status, read.body], [200, made])
  const { rows } = await sql<{ row: string }>`
    select webhooks::text || encode(secret, 'escape') as row from webhooks`.execute(database.admin)
  assert.ok(!JSON.stringify(rows).includes(secret.slice(6)))
  const changed = await request('PUT', `/v1/webhooks/${made.id}`, { url: `${URL}/2`, enabled: false })
  assert.deepEqual(
    [
      changed.status,
      changed.body.url,
      changed.body.events,
      changed.body.enabled,
      changed.body.disabled_reason,
    ],
    [200, `${URL}/2`, null, false, null],
  )
  assert.equal((await request('POST', `/v1/webhooks/${made.id}/test`)).body.code, 'webhooks.disabled')
  assert.equal((await request('DELETE', `/v1/webhooks/${made.id}`)).status, 204)
  assert.equal((await request('GET', `/v1/webhooks/${made.id}`)).status, 404)
  assert.deepEqual((await request('GET', '/v1/webhooks')).body.data, [])
})

test('a rotated secret is shown once, and how long the one before is valid', async () => {
  const { request, make, clock } = await room()
  const { id, secret } = await make()
  const rotated = await request('POST', `/v1/webhooks/${id}/rotate`, { keep_hours: 2 })
  assert.equal(rotated.status, 200)
  assert.notEqual(rotated.body.secret, secret)
  assert.equal(Date.parse(rotated.body.previous_secret_until), clock.now().getTime() + 7_200_000)
})

test('what is wrong is refused by name: a private address, an unknown event, a webhook too many', async () => {
  const { request, make } = await room()
  const create = (body: object) => request('POST', '/v1/webhooks', body)
  const bad = await create({ url: 'https://192.168.1.1/' })
  assert.deepEqual([bad.status, bad.body.code], [422, 'webhooks.bad_url'])
  assert.equal((await create({ url: URL, events: ['email.eaten'] })).status, 422)
  for (let n = 0; n < 20; n += 1) await make()
  const tooMany = await create({ url: URL })
  assert.deepEqual([tooMany.status, tooMany.body.code], [429, 'webhooks.too_many'])
  const page = await request('GET', '/v1/webhooks?limit=15')
  assert.deepEqual([page.body.data.length, page.body.has_more], [15, true])
})

test('deliveries are listed by what is asked, read with their attempts, and replayed: one, a range, all that failed', async () => {
  const { request, make, owner, clock, database } = await room()
  const { id } = await make()
  const tell = (event: 'email.sent' | 'email.opened', subjectId: string) =>
    database.engine
      .transaction()
      .execute((transaction) =>
        recordDeliveries(
          { clock },
          [{ tenantId: owner.tenantId, event, at: clock.now().toISOString(), subjectId, data: { n: 1 } }],
          transaction,
        ),
      )
  const [first, second] = [randomUUID(), randomUUID()]
  await tell('email.sent', first)
  await clock.advance(60_000)
  await tell('email.opened', second)
  const list = async (query: string) =>
    (await request('GET', `/v1/webhooks/${id}/deliveries${query}`)).body.data
  assert.deepEqual(
    (await list('')).map((each: { event: string }) => each.event),
    ['email.opened', 'email.sent'],
  )
  const [sent] = await list('?event=email.sent&state=pending')
  assert.deepEqual(await list(`?subject_id=${first}`), [sent])
  const admin = database.admin
  await sql`update webhook_deliveries set state = 'failed', tries = 10, attempts = 10, completed_at = created_at`.execute(
    admin,
  )
  await sql`insert into webhook_attempts (delivery_id, number, tenant_id, url, at, duration_ms, status, response)
            values (${sent.id}, 1, ${owner.tenantId}, ${URL}, ${clock.now()}, 12, 500, 'Oh no')`.execute(
    admin,
  )
  const path = `/v1/webhooks/${id}/deliveries/${sent.id}`
  const detail = await request('GET', path)
  assert.equal(detail.status, 200)
  assert.equal(JSON.parse(detail.body.request.body).event, 'email.sent')
  assert.deepEqual([detail.body.log[0].status, detail.body.log[0].response], [500, 'Oh no'])

  const one = await request('POST', `${path}/replay`)
  assert.deepEqual(
    [one.status, one.body.state, one.body.next_attempt_at],
    [202, 'pending', clock.now().toISOString()],
  )
  const replay = async (body: object) => (await request('POST', `/v1/webhooks/${id}/replay`, body)).body
  const before = { to: new Date(clock.now().getTime() - 1).toISOString() }
  assert.deepEqual(await replay(before), { replayed: 0, has_more: false })
  assert.deepEqual(await replay({ state: 'delivered' }), { replayed: 0, has_more: false })
  assert.deepEqual(await replay({ state: 'failed' }), { replayed: 1, has_more: false })

  const tested = await request('POST', `/v1/webhooks/${id}/test`)
  assert.deepEqual([tested.status, tested.body.event], [202, 'webhook.test'])
  for (const missing of [`/v1/webhooks/${NOBODY}/deliveries`, `/v1/webhooks/${id}/deliveries/${NOBODY}`])
    assert.equal((await request('GET', missing)).status, 404)
  for (const missing of [`/v1/webhooks/${NOBODY}/replay`, `/v1/webhooks/${id}/deliveries/${NOBODY}/replay`])
    assert.equal(
      (await request('POST', missing, missing.startsWith(`/v1/webhooks/${NOBODY}`) ? {} : undefined)).status,
      404,
    )
})

test('changes are in the audit log without secrets, and are for owners and admins of the tenant', async () => {
  const { request, make, member, signUp, owner } = await room()
  const { id, secret } = await make()
  await request('POST', `/v1/webhooks/${id}/rotate`, {})
  await request('POST', `/v1/webhooks/${id}/replay`, {})
  await request('DELETE', `/v1/webhooks/${id}`)
  const log = await request('GET', '/v1/audit-log')
  assert.deepEqual(
    log.body.data.map((entry: { action: string }) => entry.action),
    ['webhooks.delete', 'webhooks.replay', 'webhooks.rotate', 'webhooks.create'],
  )
  assert.ok(!log.text.includes(secret))
  const { id: mine } = await make()
  const editor = await member(owner.tenantId, 'editor')
  assert.equal((await request('GET', '/v1/webhooks', undefined, editor.token)).status, 403)
  const admin = await member(owner.tenantId, 'admin')
  assert.equal((await request('GET', `/v1/webhooks/${mine}`, undefined, admin.token)).status, 200)
  const stranger = await signUp()
  for (const method of ['GET', 'DELETE'] as const)
    assert.equal((await request(method, `/v1/webhooks/${mine}`, undefined, stranger.token)).status, 404)
})
