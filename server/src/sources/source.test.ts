import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SourceKind } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { SOURCE_LIMITS, sourceFields } from './source.ts'
import type { SourceInput } from './source.ts'

const PUBLIC = ['192.0.2.1', '2001:db8::1']
const fields = (kind: SourceKind, input: Omit<SourceInput, 'name'>) =>
  sourceFields(kind, { name: 'one', ...input }, (address) => PUBLIC.includes(address))

function faultsOf(kind: SourceKind, input: Omit<SourceInput, 'name'>): string[] {
  try {
    fields(kind, input)
  } catch (error) {
    assert.ok(error instanceof Problem)
    assert.equal(error.code, 'sources.invalid')
    return error.errors.map(({ field, code }) => `${field} ${code}`)
  }
  return []
}

test('an address of ours with its name is taken, the name in A-labels', () => {
  assert.equal(fields('ip', { local_address: '2001:db8::1' }).local_address, '2001:db8::1')
  assert.equal(fields('ip', { ehlo_name: 'Mail.Bücher.example' }).ehlo_name, 'mail.xn--bcher-kva.example')
  assert.deepEqual(fields('ip', {}), {
    name: 'one',
    local_address: null,
    ehlo_name: null,
    relay_kind: null,
    relay_config: null,
    warm_up_curve: null,
    cost_per_thousand: null,
    daily_cost_cap: null,
    monthly_cost_cap: null,
  })
})

test('what is no address, or one that nobody outside sees, is refused', () => {
  for (const address of [
    '',
    'mail.example.com',
    '192.0.2',
    '192.0.2.1/24',
    'fe80::1%eth0',
    '::ffff:192.0.2.1',
  ])
    assert.deepEqual(faultsOf('ip', { local_address: address }), ['local_address bad_address'], address)
  assert.deepEqual(faultsOf('ip', { local_address: '127.0.0.1' }), ['local_address private_address'])
})

test('an EHLO name is a whole host name: no address, no word, no line break', () => {
  for (const name of [
    '',
    'localhost',
    '192.0.2.1',
    '[192.0.2.1]',
    'a b.example',
    'mail.example\r\nRSET',
    '-a.example',
  ])
    assert.equal(faultsOf('ip', { ehlo_name: name }).length, 1, JSON.stringify(name))
})

test('a relay needs its kind and has no address of ours; an address has nothing of a relay', () => {
  assert.deepEqual(faultsOf('relay', { local_address: '192.0.2.1' }), [
    'local_address not_for_relay',
    'relay_kind required',
  ])
  assert.deepEqual(faultsOf('ip', { relay_kind: 'smtp', relay_config: {}, relay_secret: 'x' }), [
    'relay_kind not_for_ip',
    'relay_config not_for_ip',
    'relay_secret not_for_ip',
  ])
  assert.deepEqual(fields('relay', { relay_kind: 'smtp' }).relay_config, {})
})

test('the settings of a relay have a size', () => {
  const relay_config = { text: 'x'.repeat(SOURCE_LIMITS.relayConfigBytes) }
  assert.deepEqual(faultsOf('relay', { relay_kind: 'smtp', relay_config }), ['relay_config too_long'])
})

test('a cap needs a cost', () => {
  assert.deepEqual(faultsOf('ip', { daily_cost_cap: 1, monthly_cost_cap: 1 }), [
    'daily_cost_cap no_cost',
    'monthly_cost_cap no_cost',
  ])
  assert.equal(fields('ip', { cost_per_thousand: 100, daily_cost_cap: 0 }).daily_cost_cap, 0)
})
