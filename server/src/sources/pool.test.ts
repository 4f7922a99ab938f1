import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_POOL_ID, overflowCircle, poolFor } from './pool.ts'
import type { Pool, Pools } from './pool.ts'
import { fits, normalDomains } from './routing-rule.ts'
import type { RoutingRule, RuleConditions } from './routing-rule.ts'

const pool = (id: string, name: string): Pool => ({ id, name, overflowPoolId: null, members: [] })

const MESSAGE = {
  tenantId: 't',
  campaignId: null,
  messageClass: 'bulk',
  provider: 'google',
  fromDomain: 'news.example.com',
} as const

const POOLS: Pools = {
  rules: [],
  byId: new Map(
    [pool('p1', 'launch'), pool('p2', 'acme'), pool('p3', 'fast'), pool(DEFAULT_POOL_ID, 'default')].map(
      (each) => [each.id, each],
    ),
  ),
  ofTenants: new Map([['acme', 'p2']]),
  ofCampaigns: new Map([
    ['launch', 'p1'],
    ['stale', 'deleted'],
  ]),
  ofClasses: new Map([['transactional', 'p3']]),
}

const rule = (position: number, pool_id: string, when: Partial<RuleConditions>): RoutingRule => ({
  id: `r${position}`,
  position,
  pool_id,
  tenant_ids: null,
  campaign_ids: null,
  message_classes: null,
  providers: null,
  from_domains: null,
  ...when,
})

const choose = (
  tenantId: string,
  campaignId: string | null,
  messageClass: 'bulk' | 'transactional' = 'bulk',
) => poolFor(POOLS, { ...MESSAGE, tenantId, campaignId, messageClass })

test('the nearest wish decides: campaign, tenant, class, default', () => {
  assert.equal(choose('acme', 'launch', 'transactional').pool.name, 'launch')
  assert.equal(choose('acme', 'other', 'transactional').pool.name, 'acme')
  assert.equal(choose('other', null, 'transactional').pool.name, 'fast')
  assert.equal(choose('other', 'other').pool.name, 'default')
})

test('the first rule that fits goes before every wish, and the choice says which it was', () => {
  const rules = [
    rule(1, 'p3', { providers: ['yahoo'] }),
    rule(2, 'p2', { providers: ['google', 'apple'], message_classes: ['bulk'] }),
    rule(3, 'p3', {}),
  ]
  const by = (message: object) =>
    poolFor({ ...POOLS, rules }, { ...MESSAGE, campaignId: 'launch', ...message })
  assert.equal(by({}).reason, 'Pool acme: rule 2 fits (class=bulk, provider=google or apple).')
  assert.equal(by({ messageClass: 'transactional' }).reason, 'Pool fast: rule 3 fits (every message).')
  const gone = poolFor({ ...POOLS, rules: [rule(1, 'deleted', {})] }, { ...MESSAGE, campaignId: 'launch' })
  assert.equal(gone.pool.name, 'launch')
})

test('every condition of a rule must hold, by one of its values', () => {
  const holds = (when: Partial<RuleConditions>) => fits(rule(1, 'p1', when), MESSAGE)
  assert.ok(holds({ tenant_ids: ['x', 't'], from_domains: ['news.example.com'] }))
  assert.ok(!holds({ tenant_ids: ['t'], providers: ['yahoo'] }))
  assert.ok(!holds({ campaign_ids: ['launch'] }), 'a message without a campaign is none of its')
  assert.ok(holds({ from_domains: ['other.example', '*.example.com'] }))
  assert.ok(!holds({ from_domains: ['example.com'] }))
  assert.ok(!holds({ from_domains: ['*.ews.example.com'] }))
})

test('domains of a rule are written in one way, and what is none is refused', () => {
  assert.deepEqual(normalDomains(['*.Example.COM', 'BÜRO.example']), ['*.example.com', 'xn--bro-hoa.example'])
  assert.throws(() => normalDomains(['exam ple']), { code: 'routing_rules.bad_domain' })
})

test('the choice says who made it', () => {
  assert.equal(choose('acme', 'launch').reason, 'Pool launch: its campaign names it.')
  assert.equal(choose('acme', null).reason, 'Pool acme: its tenant has it.')
  assert.equal(choose('x', null, 'transactional').reason, 'Pool fast: transactional mail has it.')
  assert.equal(choose('x', null).reason, 'Pool default: nothing nearer names one.')
})

test('a wish for a pool that is gone does not count', () => {
  assert.equal(choose('acme', 'stale').pool.name, 'acme')
})

test('a circle of overflows is told with its names, a chain is not one', () => {
  const links = [
    { id: 'a', name: 'A', overflow_pool_id: 'b' },
    { id: 'b', name: 'B', overflow_pool_id: 'c' },
    { id: 'c', name: 'C', overflow_pool_id: null },
  ]
  assert.deepEqual(overflowCircle(links, 'c', 'a'), ['C', 'A', 'B', 'C'])
  assert.deepEqual(overflowCircle(links, 'c', 'c'), ['C', 'C'])
  assert.equal(overflowCircle(links, 'a', 'c'), undefined)
})

test('a circle that is stored already does not hold up the question', () => {
  const links = [
    { id: 'a', name: 'A', overflow_pool_id: 'b' },
    { id: 'b', name: 'B', overflow_pool_id: 'a' },
    { id: 'c', name: 'C', overflow_pool_id: null },
  ]
  assert.equal(overflowCircle(links, 'c', 'a'), undefined)
})
