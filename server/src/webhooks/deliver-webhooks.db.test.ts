import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { asTenant } from '#platform/postgres/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import type { ApiStep } from '@pigeon/server/test/scripted-api.ts'
import { createDeliverer } from './deliver-webhooks.ts'
import { forgetDeliveries } from './run-hooks.ts'
import { DISABLE_MS, verified, webhooksRoom } from './webhooks-test-room.ts'
import { deleteWebhook, rotateSecret, updateWebhook } from './write-webhook.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const OK: ApiStep = { status: 200 }
const BUSY: ApiStep = { status: 503, body: 'not now' }

test('an event arrives signed, with its id and time, at whoever asked for it', async (t) => {
  const room = await webhooksRoom(t)
  const all = await room.receiver(() => OK)
  const some = await room.receiver(() => ({ status: 204 }), { events: ['email.bounced'] })
  const [delivered, bounced] = [room.event('email.delivered'), room.event('email.bounced')]
  assert.equal(await room.tell(delivered, bounced), 3)
  await room.deliver()
  assert.deepEqual(
    all
      .received()
      .map(({ event }) => event)
      .sort(),
    ['email.bounced', 'email.delivered'],
  )
  const [request] = some.requests
  assert.ok(request !== undefined && some.requests.length === 1)
  assert.deepEqual(verified(some.secret, request), {
    event: 'email.bounced',
    timestamp: bounced.at,
    data: {},
  })
  assert.equal(`${request.method} ${request.path}`, 'POST /hook?a=1')
  assert.equal(request.headers['content-type'], 'application/json')
  assert.throws(() => verified(all.secret, request))
  assert.deepEqual(await room.states(some.id), ['email.bounced delivered 1'])
})

test('a receiver that is down for an hour gets everything once it is back, in the order of each message', async (t) => {
  const room = await webhooksRoom(t)
  let isDown = true
  const receiver = await room.receiver(() => (isDown ? BUSY : OK))
  const messages = Array.from({ length: 40 }, () => randomUUID())
  const events = ['email.deferred', 'email.delivered', 'email.opened'] as const
  for (const event of events) await room.tell(...messages.map((id) => room.event(event, id, { id })))
  for (let minute = 0; minute < 60; minute += 5) {
    await room.deliver()
    await room.clock.advance(5 * MINUTE)
  }
  assert.ok(receiver.requests.every((request) => request.body.includes('email.deferred')))
  isDown = false
  const downFor = receiver.requests.length
  // The fourth try of what was tried first comes within three hours.
  for (let hour = 0; hour < 3; hour += 1) {
    await room.deliver()
    await room.clock.advance(HOUR)
  }
  const received = receiver.received().slice(downFor)
  assert.equal(received.length, messages.length * events.length)
  for (const id of messages)
    assert.deepEqual(
      received.filter(({ data }) => data['id'] === id).map(({ event }) => event),
      events,
    )
  assert.ok((await room.states(receiver.id)).every((state) => state.includes(' delivered ')))
})

test('a receiver that never answers delays no other', async (t) => {
  const room = await webhooksRoom(t)
  const dead = await room.receiver(() => 'stall')
  const fine = await room.receiver(() => OK)
  await room.tell(...Array.from({ length: 200 }, () => room.event('email.delivered')))
  await room.deliverer.poll()
  await waitFor('everything to arrive at the other', () => fine.requests.length === 200)
  assert.ok(dead.requests.length <= 32, 'as many as are asked at the same time')
})

test('what gets no answer in time, a redirect and a cut connection are tried again, and the log says why', async (t) => {
  const room = await webhooksRoom(t, { timeoutMs: 300 })
  const steps: ApiStep[] = ['stall', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, 'cut', OK]
  const receiver = await room.receiver((_request, count) => steps[count - 1] ?? OK)
  await room.tell(room.event('email.delivered'))
  for (const step of steps) {
    assert.ok(step !== undefined)
    await room.deliver()
    await room.clock.advance(HOUR)
  }
  assert.deepEqual(await room.states(receiver.id), ['email.delivered delivered 4'])
  const ids = new Set(receiver.requests.map((request) => request.headers['webhook-id']))
  assert.equal(ids.size, 1, 'it is the same webhook each time')
  const { rows } = await sql<{ status: number | null; error: string | null }>`
    select status, error from webhook_attempts order by number`.execute(room.database.admin)
  assert.deepEqual(
    rows.map(({ status }) => status),
    [null, 302, null, 200],
  )
  assert.match(rows[0]?.error ?? '', /No answer within 0.3 s/)
  assert.match(rows[1]?.error ?? '', /redirects are not followed/)
  assert.ok((rows[2]?.error ?? '') !== '')
})

test('after ten tries a delivery has failed, and the next event of its message goes on', async (t) => {
  const room = await webhooksRoom(t)
  const receiver = await room.receiver((request) => (request.body.includes('email.sent') ? BUSY : OK))
  const message = randomUUID()
  await room.tell(room.event('email.sent', message), room.event('email.opened', message))
  while (receiver.requests.length < 10) {
    assert.deepEqual((await room.states(receiver.id)).at(-1), 'email.opened pending 0')
    await room.deliver()
    await room.clock.advance(6 * HOUR)
  }
  await room.deliver()
  assert.deepEqual(await room.states(receiver.id), ['email.sent failed 10', 'email.opened delivered 1'])
})

test('410 disables a webhook at once; what waits stays until somebody enables it again', async (t) => {
  const room = await webhooksRoom(t)
  let isGone = true
  const receiver = await room.receiver(() => (isGone ? { status: 410 } : OK))
  const message = randomUUID()
  await room.tell(room.event('email.sent', message), room.event('email.opened', message))
  await room.deliver()
  const row = await room.webhookRow(receiver.id)
  assert.match(row.disabled_reason ?? '', /410/)
  assert.equal(await room.tell(room.event('email.sent')), 0, 'nobody listens')
  await room.deliver()
  assert.deepEqual(await room.states(receiver.id), ['email.sent failed 1', 'email.opened pending 0'])
  isGone = false
  const enabled = await updateWebhook(room.deps, room.actor, receiver.id, {
    url: receiver.url,
    enabled: true,
  })
  assert.deepEqual([enabled.enabled, enabled.disabled_reason], [true, null])
  await room.deliver()
  assert.deepEqual((await room.states(receiver.id)).at(-1), 'email.opened delivered 1')
})

test('a webhook whose every attempt fails for days is disabled and says so; one success forgets the failures', async (t) => {
  const room = await webhooksRoom(t)
  let isDown = true
  const receiver = await room.receiver(() => (isDown ? BUSY : OK))
  const fail = async () => {
    await room.tell(...Array.from({ length: 5 }, () => room.event('email.sent')))
    await room.deliver()
  }
  await fail()
  const { failing_since: since } = await room.webhookRow(receiver.id)
  assert.equal(since?.getTime(), room.clock.now().getTime())
  isDown = false
  await fail()
  assert.equal((await room.webhookRow(receiver.id)).failing_since, null)
  isDown = true
  await fail()
  await room.clock.advance(DISABLE_MS - 1)
  await fail()
  assert.equal((await room.webhookRow(receiver.id)).disabled_at, null)
  await room.clock.advance(1)
  await fail()
  assert.match(
    (await room.webhookRow(receiver.id)).disabled_reason ?? '',
    /Every attempt since .* has failed/,
  )
})

test('while a secret is exchanged both sign, and then the new one alone', async (t) => {
  const room = await webhooksRoom(t)
  const receiver = await room.receiver(() => OK)
  const { secret } = await asTenant(room.database.api, room.tenantId, (transaction) =>
    rotateSecret(room.deps, transaction, room.actor, { id: receiver.id, keepHours: 0.001 }),
  )
  await room.tell(room.event('email.sent'))
  await room.deliver()
  await room.clock.advance(MINUTE)
  await room.tell(room.event('email.sent'))
  await room.deliver()
  const [during, after] = receiver.requests
  assert.ok(during !== undefined && after !== undefined)
  for (const valid of [secret, receiver.secret]) verified(valid, during)
  verified(secret, after)
  assert.throws(() => verified(receiver.secret, after))
})

test('two processes share the work and deliver nothing twice; one that is gone is replaced when its lease is over', async (t) => {
  const room = await webhooksRoom(t)
  const receiver = await room.receiver(() => OK)
  const other = createDeliverer({ ...room.hooks, worker: 'other', random: () => 0 })
  await room.tell(...Array.from({ length: 100 }, () => room.event('email.sent')))
  await Promise.all([room.deliverer.poll(), other.poll()])
  await Promise.all([room.deliverer.idle(), other.idle()])
  assert.equal(receiver.requests.length, 100)
  await sql`update webhooks set worker = 'gone', lease_until = ${new Date(room.clock.now().getTime() + 20_000)}`.execute(
    room.database.admin,
  )
  await room.tell(room.event('email.sent'))
  await room.deliver()
  assert.equal(receiver.requests.length, 100)
  await room.clock.advance(20_001)
  await room.deliver()
  assert.equal(receiver.requests.length, 101)
})

test('old deliveries and those of deleted webhooks are forgotten, with their attempts', async (t) => {
  const room = await webhooksRoom(t)
  const [kept, deleted] = [await room.receiver(() => OK), await room.receiver(() => OK)]
  const count = async () => {
    const { rows } = await sql<{ n: string }>`
      select concat_ws(' ', (select count(*) from webhooks), (select count(*) from webhook_deliveries),
                            (select count(*) from webhook_attempts)) as n`.execute(room.database.admin)
    return rows[0]?.n
  }
  const forget = () =>
    forgetDeliveries(
      { db: room.database.engine, clock: room.clock, keptMs: 7 * DAY },
      new AbortController().signal,
    )
  await room.tell(room.event('email.sent'))
  await room.deliver()
  await forget()
  assert.equal(await count(), '2 2 2')
  await deleteWebhook(room.deps, room.actor, deleted.id)
  await forget()
  assert.equal(await count(), '1 1 1')
  await room.clock.advance(7 * DAY + 1)
  await room.tell(room.event('email.sent'))
  await forget()
  assert.equal(await count(), '1 1 0')
  assert.deepEqual(await room.states(kept.id), ['email.sent pending 0'])
})
