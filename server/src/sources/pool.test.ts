import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_POOL_ID, overflowCircle, poolFor } from './pool.ts'
import type { Pool, Pools } from './pool.ts'

const pool = (id: string, name: string): Pool => ({ id, name, overflowPoolId: null, members: [] })

const POOLS: Pools = {
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

const choose = (
  tenantId: string,
  campaignId: string | null,
  messageClass: 'bulk' | 'transactional' = 'bulk',
) => poolFor(POOLS, { tenantId, campaignId, messageClass })

test('the nearest wish decides: campaign, tenant, class, default', () => {
  assert.equal(choose('acme', 'launch', 'transactional').pool.name, 'launch')
  assert.equal(choose('acme', 'other', 'transactional').pool.name, 'acme')
  assert.equal(choose('other', null, 'transactional').pool.name, 'fast')
  assert.equal(choose('other', 'other').pool.name, 'default')
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
