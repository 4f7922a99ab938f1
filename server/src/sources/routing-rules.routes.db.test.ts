import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadPools } from './load-pools.ts'
import { DEFAULT_POOL_ID, poolFor } from './pool.ts'
import { RULE_LIMITS } from './routing-rule.ts'
import { NOBODY, sourcesApi, type Answer } from './sources-test-api.ts'

const { call, makePool, makeCampaign, database } = await sourcesApi()
const RULES = '/v1/routing-rules'

async function make(body: object): Promise<Answer> {
  const made = await call('POST', RULES, body)
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return made.body
}

async function pools(): Promise<unknown[]> {
  return ((await call('GET', RULES)).body.data ?? []).map((rule) => rule['pool'])
}

async function clear(): Promise<void> {
  for (const { id } of (await call('GET', RULES)).body.data ?? []) await call('DELETE', `${RULES}/${id}`)
}

const a = await makePool('a')
const b = await makePool('b')
const c = await makePool('c')

test('rules are added, put where they shall be asked, changed, ordered and deleted', async () => {
  const first = await make({ pool_id: a.id, providers: ['Google'] })
  assert.deepEqual([first['position'], first['providers'], first['from_domains']], [1, ['google'], null])
  const second = await make({ pool_id: b.id, message_classes: ['bulk'], from_domains: ['*.Example.com'] })
  assert.deepEqual(second['from_domains'], ['*.example.com'])
  const top = await make({ pool_id: c.id, position: 1 })
  assert.deepEqual(await pools(), ['c', 'a', 'b'])

  const changed = await call('PUT', `${RULES}/${top.id}`, { pool_id: b.id, providers: ['yahoo'] })
  assert.deepEqual([changed.body['pool'], changed.body['position']], ['b', 1])
  const ordered = await call('PUT', `${RULES}/order`, { ids: [second.id, top.id, first.id] })
  assert.deepEqual(
    ordered.body.data?.map(({ id, position }) => [id, position]),
    [
      [second.id, 1],
      [top.id, 2],
      [first.id, 3],
    ],
  )
  assert.equal((await call('DELETE', `${RULES}/${second.id}`)).status, 204)
  assert.deepEqual(
    (await call('GET', RULES)).body.data?.map(({ position }) => position),
    [1, 2],
  )
  await clear()
})

test('a rule that cannot be is refused, and what is wrong is named', async () => {
  const none = await call('POST', RULES, { pool_id: NOBODY })
  assert.deepEqual([none.status, none.body.code], [422, 'pools.unknown'])
  const domain = await call('POST', RULES, { pool_id: a.id, from_domains: ['ok.example', 'not one'] })
  assert.deepEqual([domain.status, domain.body.errors?.[0]?.field], [422, 'from_domains[1]'])
  for (const body of [{}, { pool_id: a.id, providers: [] }, { pool_id: a.id, tenant_ids: ['x'] }])
    assert.equal((await call('POST', RULES, body)).status, 422, JSON.stringify(body))
  for (const [method, body] of [['PUT', { pool_id: a.id }], ['DELETE']] as const) {
    const gone = await call(method, `${RULES}/${NOBODY}`, body)
    assert.deepEqual([gone.status, gone.body.code], [404, 'routing_rules.not_found'])
  }
  const rule = await make({ pool_id: a.id })
  for (const ids of [[], [rule.id, rule.id], [NOBODY]]) {
    const order = await call('PUT', `${RULES}/order`, { ids })
    assert.deepEqual([order.status, order.body.code], [422, 'routing_rules.bad_order'])
  }
  await clear()
})

test('a pool that a rule names is not deleted', async () => {
  await make({ pool_id: a.id })
  const kept = await call('DELETE', `/v1/pools/${a.id}`)
  assert.deepEqual([kept.status, kept.body.code], [409, 'pools.in_use'])
  assert.match(kept.body.detail ?? '', /1 routing rule/)
  await clear()
})

test('a test says which pool a message would leave from and why, with the wishes of its own tenant', async () => {
  const campaign = await makeCampaign({ pool_id: b.id })
  await make({ pool_id: c.id, providers: ['google'], from_domains: ['example.com'] })
  const ask = async (more: object) =>
    (
      await call('POST', `${RULES}/test`, {
        recipient_domain: 'GMail.com',
        from_domain: 'x.example',
        ...more,
      })
    ).body
  const plain = await ask({})
  assert.deepEqual(
    [plain['provider'], plain['pool_id'], plain['reason']],
    ['google', DEFAULT_POOL_ID, 'Pool default: nothing nearer names one.'],
  )
  assert.equal((await ask({ campaign_id: campaign.id }))['reason'], 'Pool b: its campaign names it.')
  const ruled = await ask({ campaign_id: campaign.id, from_domain: 'Example.com' })
  assert.equal(ruled['reason'], 'Pool c: rule 1 fits (provider=google, from=example.com).')
  await clear()
})

test('delivery loads the rules in their order', async () => {
  await make({ pool_id: a.id, message_classes: ['transactional'] })
  await make({ pool_id: b.id, providers: ['google'], position: 1 })
  const loaded = await loadPools({ db: database.engine })
  const message = { tenantId: NOBODY, campaignId: null, provider: 'google', fromDomain: 'x.example' }
  assert.equal(poolFor(loaded, { ...message, messageClass: 'transactional' }).pool.name, 'b')
  const other = poolFor(loaded, { ...message, provider: 'gmx', messageClass: 'transactional' })
  assert.equal(other.pool.name, 'a')
  await clear()
})

test('an installation has so many rules and no more', async () => {
  await make({ pool_id: a.id })
  await database.admin
    .insertInto('routing_rules')
    .values(
      Array.from({ length: RULE_LIMITS.rules - 1 }, (_, n) => ({
        position: n + 2,
        pool_id: a.id ?? '',
        created_at: new Date(),
        updated_at: new Date(),
      })),
    )
    .execute()
  const more = await call('POST', RULES, { pool_id: a.id })
  assert.deepEqual([more.status, more.body.code], [429, 'routing_rules.too_many'])
  await database.admin.deleteFrom('routing_rules').execute()
})
