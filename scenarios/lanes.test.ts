import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { take, type components } from '@pigeon/sdk'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  untilFinal,
  type Account,
} from './account.ts'
import { proveAccounted, proveReconciled } from './proof.ts'
import { changeHabits, sharedAccount } from './shared-account.ts'

type Lane = components['schemas']['Lane']

const GOOGLE = { mode: 'sandbox', provider: 'google' } as const
const DOMAINS = ['gmail.com', 'plain.example']
const CONTACTS = 2_400
const PER_MINUTE = 1_200
/** A limit is spread evenly; between two readings may be the turn of one message more, and the way of a few. */
const TOLERANCE = 1.5
/** Within this time an order has taken effect. */
const EFFECT_MS = 2_000
const LOOK_MS = 4_000

test('a person limits, pauses and resumes a provider in the middle of a campaign, and everybody gets exactly one', async (t) => {
  const account = await sharedAccount()
  for (const { name } of await account.platform.windtunnel.providers())
    await changeHabits(t, account, name, CALM)
  // Also when something below has failed: others come after this.
  t.after(async () => {
    await deleteOrders(account)
    await account.pigeon.POST('/v1/system/resume')
  })
  const first = await send(account, 'First', 20)
  await campaignEnd(account, first)
  const other = await providerOf(account, 'plain.example')
  // Lanes are told about once a second.
  await ask('both lanes', async () => {
    const known = (await lanes(account)).map(({ provider }) => provider)
    return [other, 'google'].every((provider) => known.includes(provider)) || undefined
  })
  for (const provider of ['google', other]) await limit(account, provider)

  const id = await send(account, 'Second', CONTACTS)
  await untilFinal(account, id, 100)
  const slow = await arrivals(account, id)
  const atMost = (PER_MINUTE / 60) * (slow.ms / 1000) * TOLERANCE
  assert.ok(slow.google > 0 && slow.google <= atMost, `${slow.google} in ${slow.ms} ms, at most ${atMost}`)

  await take(account.pigeon.POST('/v1/lanes/pause', { body: { ...GOOGLE, reason: 'They complain.' } }))
  await delay(EFFECT_MS)
  const paused = await arrivals(account, id)
  assert.equal(paused.google, 0, 'mail still arrives')
  assert.ok(paused.others > 0, 'the others go on')
  const lane = await ask('the lane to be paused', async () =>
    (await lanes(account)).find(({ provider, state }) => provider === 'google' && state === 'paused'),
  )
  assert.equal(lane.reason, 'They complain.')
  assert.ok(lane.waiting.count > 0)
  const { data: queue } = await take(account.pigeon.GET('/v1/queue'))
  assert.ok(queue.some(({ provider, waiting }) => provider === 'google' && waiting.count > 0))

  await take(account.pigeon.POST('/v1/lanes/resume', { body: GOOGLE }))
  await delay(EFFECT_MS)
  assert.ok((await arrivals(account, id)).google > 0, 'after the resumption mail arrives again')
  await deleteOrders(account)
  assert.equal((await campaignEnd(account, id)).status, 'sent')
  assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)

  await t.test(
    'a drained installation has nothing in hand and sends nothing, until it is resumed',
    async () => {
      const drained = await send(account, 'Third', CONTACTS)
      await untilFinal(account, drained, 100)
      await account.pigeon.POST('/v1/system/drain', { body: {} })
      await ask('nothing to be in hand', async () => {
        const { sending } = await take(account.pigeon.GET('/v1/system/processes'))
        return sending.in_hand.count === 0 ? sending : undefined
      })
      const still = await arrivals(account, drained)
      assert.deepEqual([still.google, still.others], [0, 0])
      await account.pigeon.POST('/v1/system/resume')
      assert.equal((await campaignEnd(account, drained)).status, 'sent')
      assert.equal((await proveAccounted(account, drained, CONTACTS)).duplicates, 0)
    },
  )

  await t.test('what is purged is cancelled and accounted for', async () => {
    // What delivery has in hand is given back at a pause: then all of it waits.
    await take(account.pigeon.POST('/v1/lanes/pause', { body: GOOGLE }))
    const id = await send(account, 'Fourth', CONTACTS)
    await untilFinal(account, id, 100)
    const target = { ...GOOGLE, campaign_id: id }
    const { confirm, waiting } = await take(account.pigeon.POST('/v1/queue/purge', { body: target }))
    assert.ok(waiting.count > 0)
    const { order } = await take(account.pigeon.POST('/v1/queue/purge', { body: { ...target, confirm } }))
    const done = await ask('the purge to be done', async () => {
      const path = { id: order?.id ?? '' }
      const found = await take(account.pigeon.GET('/v1/queue/orders/{id}', { params: { path } }))
      return found.completed_at === null ? undefined : found
    })
    await deleteOrders(account)
    const ended = await campaignEnd(account, id)
    assert.ok(done.done > 0)
    assert.equal(ended.states.cancelled, done.done)
    assert.equal((await proveAccounted(account, id, CONTACTS)).duplicates, 0)
  })
  await proveReconciled(account)
})

/** Nobody is unknown, and nothing is refused for a while: what waits, waits for us. */
const CALM = { unknown_user_share: 0, temporary_failure_share: 0, greylist_share: 0 }

async function send(account: Account, name: string, contacts: number): Promise<string> {
  const listId = await listOf(account, name, contactsCsv(contacts, DOMAINS, 'lane'))
  const id = await createCampaign(account, { listId, name })
  await act(account, id, 'send')
  return id
}

async function deleteOrders({ pigeon }: Account): Promise<void> {
  const { data: orders } = await take(pigeon.GET('/v1/lanes/orders'))
  for (const { id } of orders) await pigeon.DELETE('/v1/lanes/orders/{id}', { params: { path: { id } } })
}

async function providerOf({ pigeon, from }: Account, domain: string): Promise<string> {
  const found = await take(pigeon.POST('/v1/explain', { body: { to: `ann@${domain}`, from } }))
  return found.provider?.name ?? ''
}

async function lanes(account: Account): Promise<readonly Lane[]> {
  return (await take(account.pigeon.GET('/v1/lanes'))).data
}

async function limit(account: Account, provider: string): Promise<void> {
  const body = { mode: 'sandbox', provider, messages_per_minute: PER_MINUTE, for_minutes: 60 } as const
  await take(account.pigeon.POST('/v1/lanes/limit', { body }))
}

/** What arrives within a few seconds. */
async function arrivals(
  account: Account,
  campaignId: string,
): Promise<{ google: number; others: number; ms: number }> {
  const startedAt = performance.now()
  const before = await account.platform.windtunnel.stats(campaignId)
  await delay(LOOK_MS)
  const after = await account.platform.windtunnel.stats(campaignId)
  const google = (after.by_provider['google']?.received ?? 0) - (before.by_provider['google']?.received ?? 0)
  return { google, others: after.received - before.received - google, ms: performance.now() - startedAt }
}
