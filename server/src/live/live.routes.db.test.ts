import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '#platform/ids.ts'
import { historyEvent, sampleCampaign, sampleTenant } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { CONNECTION_LIMITS } from './live-connection.ts'
import { liveRoom } from './live-test-room.ts'
import { LIVE_LIMITS } from './live.routes.ts'

const EVERY_MS = 1_000

test('events of messages are told to their tenant and to nobody else', async (t) => {
  const { signUp, connect, append } = await liveRoom(t)
  const [mine, theirs] = [await signUp(), await signUp()]
  const [me, them] = [await connect(mine.token), await connect(theirs.token)]
  for (const client of [me, them]) {
    client.listenTo('messages')
    await client.frame('subscribed')
  }
  const [first, second] = [
    historyEvent({ tenantId: mine.tenantId }),
    historyEvent({ tenantId: theirs.tenantId }),
  ]
  await append([first, second, historyEvent()])
  const [told, toldThem] = [await me.frame('event'), await them.frame('event')]
  assert.deepEqual([told.topic, told.event], ['messages', 'email.delivered'])
  assert.equal(told.data?.['message_id'], first.messageId)
  assert.equal(toldThem.data?.['message_id'], second.messageId)
  await append([historyEvent({ tenantId: mine.tenantId, type: 'opened' })])
  assert.equal((await me.frame('event', 1)).event, 'email.opened')
  assert.equal(them.frames.filter(({ type }) => type === 'event').length, 1)
})

test('an event names the address that the message went to', async (t) => {
  const { member, connect, append, database } = await liveRoom(t)
  const tenant = await sampleTenant(database, { contacts: 1 })
  const { tenantId } = tenant
  const messageId = uuidv7()
  const campaignId = await sampleCampaign(database, tenant)
  await database.admin
    .insertInto('messages')
    .values({
      id: messageId,
      tenant_id: tenantId,
      campaign_id: campaignId,
      contact_id: tenant.contactIds[0] ?? '',
      recipient: 'ada@example.com',
      state: 'queued',
      mode: 'sandbox',
      created_at: new Date(),
      updated_at: new Date(),
    })
    .execute()
  const client = await connect((await member(tenantId, 'viewer')).token)
  client.listenTo(`messages:${messageId}`)
  await client.frame('subscribed')
  await append([historyEvent({ tenantId }), historyEvent({ tenantId, messageId })])
  assert.equal((await client.frame('event')).data?.['email'], 'ada@example.com')
  assert.equal(client.frames.filter(({ type }) => type === 'event').length, 1)
})

test('who comes back with the last event id hears what was missed, once', async (t) => {
  const { signUp, connect, append } = await liveRoom(t)
  const { token, tenantId } = await signUp()
  const events = Array.from({ length: 6 }, () => historyEvent({ tenantId }))
  const [a, b, c, d, e, f] = events
  assert.ok(a && b && c && d && e && f)
  const before = await connect(token)
  before.listenTo('messages')
  await before.frame('subscribed')
  await append([a, b])
  const { id } = await before.frame('event', 1)
  before.socket.close()
  await before.end()
  await append([c], 1)
  await append([d])
  const after = await connect(token)
  after.listenTo('messages', id)
  assert.equal((await after.frame('subscribed')).resumed, true)
  await append([e], 2)
  await append([f])
  await after.frame('event', 3)
  const told = after.frames.filter(({ type }) => type === 'event').map(({ data }) => data?.['message_id'])
  assert.deepEqual(told.toSorted(), [c, d, e, f].map(({ messageId }) => messageId).toSorted())
})

test('who comes back with an id that is not known any more is told so', async (t) => {
  const { signUp, connect, append } = await liveRoom(t)
  const { token, tenantId } = await signUp()
  await append([historyEvent({ tenantId })])
  const client = await connect(token)
  client.listenTo('messages', '0.0-0.0-0.0')
  client.listenTo(`messages:${uuidv7()}`, 'nonsense')
  assert.equal((await client.frame('subscribed')).resumed, false)
  assert.equal((await client.frame('subscribed', 1)).resumed, false)
})

test('a browser says who it is in its first message', async (t) => {
  const { signUp, connect } = await liveRoom(t)
  const { token, tenantId } = await signUp()
  const client = await connect()
  client.say({ type: 'auth', token })
  client.say({ type: 'ping' })
  assert.deepEqual(await client.frame('authenticated'), { type: 'authenticated', tenant_id: tenantId })
  await client.frame('pong')
  const other = await signUp()
  client.say({ type: 'auth', token: other.token })
  assert.equal((await client.frame('error')).code, 'live.other_tenant')
  assert.equal((await client.end()).code, 1008)
})

test('credentials that are no good are refused, in the header and in a message', async (t) => {
  const { connect, url } = await liveRoom(t)
  await assert.rejects(connect('nonsense'), /401/)
  const client = await connect()
  client.say({ type: 'auth', token: 'nonsense' })
  assert.equal((await client.frame('error')).code, 'auth.bad_token')
  assert.equal((await client.end()).code, 1008)
  const early = await connect()
  early.listenTo('messages')
  assert.equal((await early.end()).code, 1008)
  const reply = await fetch(`${url}/v1/stream`)
  assert.equal(reply.status, 422)
  assert.match(await reply.text(), /"live\.not_an_upgrade"/)
})

test('who says nothing is sent away, and so is one whose key is revoked or who does not answer pings', async (t) => {
  const clock = manualClock()
  const { signUp, connect, database, clock: clockOfCredentials } = await liveRoom(t, { clock })
  const silent = await connect()
  const signedIn = await signUp()
  const client = await connect(signedIn.token)
  await client.frame('authenticated')
  await clock.advance(CONNECTION_LIMITS.authMs)
  assert.equal((await silent.end()).code, 1008)
  await database.admin.updateTable('sessions').set({ revoked_at: new Date() }).execute()
  await clockOfCredentials.advance(CONNECTION_LIMITS.recheckMs)
  await clock.advance(CONNECTION_LIMITS.recheckMs)
  assert.equal((await client.frame('error')).code, 'auth.session_over')
  assert.equal((await client.end()).code, 1008)
  const deaf = await connect((await signUp()).token)
  await deaf.frame('authenticated')
  deaf.socket.pause()
  await clock.advance(CONNECTION_LIMITS.pingMs)
  await clock.advance(CONNECTION_LIMITS.pingMs)
  deaf.socket.resume()
  assert.equal((await deaf.end()).code, 1006)
})

test('counters of a campaign come at once, then when they have changed, at most once a second', async (t) => {
  const clock = manualClock()
  const { member, connect, database, signUp } = await liveRoom(t, { clock })
  const tenant = await sampleTenant(database)
  const campaignId = await sampleCampaign(database, tenant)
  const owner = await member(tenant.tenantId, 'owner')
  const client = await connect(owner.token)
  client.listenTo(`campaign:${campaignId}`)
  const first = await client.frame('state')
  assert.equal(first.data?.['accepted'], 0)
  const accept = (accepted: number) =>
    database.admin.updateTable('campaigns').set({ accepted }).where('id', '=', campaignId).execute()
  await accept(1)
  await accept(2)
  client.say({ type: 'ping' })
  await client.frame('pong')
  assert.equal(client.frames.filter(({ type }) => type === 'state').length, 1)
  await clock.advance(EVERY_MS)
  assert.equal((await client.frame('state', 1)).data?.['accepted'], 2)
  const stranger = await connect((await signUp()).token)
  stranger.listenTo(`campaign:${campaignId}`)
  await clock.advance(EVERY_MS)
  assert.equal((await stranger.frame('error')).code, 'campaigns.not_found')
  assert.equal(stranger.frames.filter(({ type }) => type === 'state').length, 0)
})

test('lanes are for owners, and topics that do not exist or are too many are refused', async (t) => {
  const { signUp, member, connect } = await liveRoom(t)
  const { token, tenantId } = await signUp()
  const owner = await connect(token)
  owner.listenTo('lanes')
  assert.deepEqual((await owner.frame('state')).data, { lanes: [], has_more: false })
  owner.listenTo('lanes')
  owner.listenTo('everything')
  owner.say('not JSON')
  const codes = [0, 1, 2].map(async (skip) => (await owner.frame('error', skip)).code)
  assert.deepEqual(await Promise.all(codes), ['live.subscribed', 'live.no_such_topic', 'live.bad_message'])
  for (let count = 1; count <= CONNECTION_LIMITS.topics; count += 1) owner.listenTo(`messages:${uuidv7()}`)
  assert.equal((await owner.frame('error', 3)).code, 'live.too_many_topics')
  const viewer = await connect((await member(tenantId, 'viewer')).token)
  viewer.listenTo('lanes')
  assert.equal((await viewer.frame('error')).code, 'auth.scope_missing')
  viewer.say({ type: 'unsubscribe', topic: 'lanes' })
  await viewer.frame('unsubscribed')
})

test('a tenant has so many connections and no more', async (t) => {
  const { signUp, connect } = await liveRoom(t)
  const { token } = await signUp()
  const clients = await Promise.all(
    Array.from({ length: LIVE_LIMITS.connectionsATenant }, () => connect(token)),
  )
  await Promise.all(clients.map((client) => client.frame('authenticated')))
  const late = await connect(token)
  assert.equal((await late.frame('error')).code, 'live.too_many_connections')
  assert.equal((await late.end()).code, 1013)
  clients[0]?.socket.close()
  await clients[0]?.end()
  const next = await connect(token)
  assert.equal((await waitFor('an answer', () => next.frames[0])).type, 'authenticated')
})

test('a client that reads too slowly is told to come again', async (t) => {
  const { signUp, connect, append } = await liveRoom(t)
  const { token, tenantId } = await signUp()
  const [slow, quick] = [await connect(token), await connect(token)]
  for (const client of [slow, quick]) {
    client.listenTo('messages')
    await client.frame('subscribed')
  }
  slow.socket.pause()
  // More than the limit and what the kernel takes on both sides.
  const data = { blob: 'x'.repeat(500_000) }
  const events = Array.from({ length: 56 }, () =>
    historyEvent({ tenantId, detail: { ip: null, userAgent: null, data } }),
  )
  for (const event of events) await append([event])
  await quick.frame('event', events.length - 1)
  slow.socket.resume()
  const { code, words } = await slow.end()
  assert.equal(code, 1013)
  assert.match(words, /too slowly/)
})

test('a server that stops says so', async (t) => {
  const { signUp, connect, app } = await liveRoom(t)
  const client = await connect((await signUp()).token)
  await client.frame('authenticated')
  await app.close()
  assert.deepEqual(await client.end(), { code: 1001, words: 'The server stops. Connect again.' })
})
