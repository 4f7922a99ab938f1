import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HistoryEvent } from '#events/email-events.ts'
import { historyEvent } from '@pigeon/server/test/factories.ts'
import { eventId, eventRow, ipv6Of } from './history-rows.ts'

test('addresses are stored as IPv6: IPv4 mapped, without a zone, none as ::', () => {
  assert.equal(ipv6Of('192.0.2.25'), '::ffff:192.0.2.25')
  assert.equal(ipv6Of('2001:db8::1'), '2001:db8::1')
  assert.equal(ipv6Of('fe80::1%eth0'), 'fe80::1')
  assert.equal(ipv6Of(null), '::')
  assert.equal(ipv6Of('not an address'), '::')
})

const readers = {
  countryOf: (address: string) => (address === '192.0.2.9' ? 'DE' : ''),
  clientOf: (agent: string) => ({ client: agent, os: '', device: '' }),
}

function rowOf(event: Partial<HistoryEvent>): Record<string, unknown> {
  return { ...eventRow(historyEvent(event), 'id', readers) }
}

test('how long a delivery took is counted from the time in the id of the message', () => {
  const messageId = '019a3ed5-0000-7000-8000-000000000000'
  const acceptedMs = 0x019a3ed50000
  const at = new Date(acceptedMs + 4_200).toISOString()
  assert.equal(rowOf({ messageId, at, type: 'delivered' })['waited_ms'], 4_200)
  assert.equal(rowOf({ messageId, at, type: 'sent' })['waited_ms'], 4_200)
  assert.equal(rowOf({ messageId, at, type: 'deferred' })['waited_ms'], 0)
  const before = new Date(acceptedMs - 5).toISOString()
  assert.equal(rowOf({ messageId, at: before })['waited_ms'], 1, 'clocks of two machines differ')
  assert.equal(rowOf({ messageId: '0f6f2b1e-7d0c-4b7e-9d8f-0d1f5a2b3c4d', at })['waited_ms'], 0)
})

test('what came back says who, with what, from where, and whether it looks like a machine', () => {
  const detail = {
    ip: '192.0.2.9',
    userAgent: 'Agent',
    data: { url: 'https://a', machine_signs: ['prefetch'] },
  }
  const row = rowOf({ type: 'clicked', detail })
  assert.deepEqual(
    [row['ip_address'], row['user_agent'], row['country'], row['client'], row['is_machine'], row['via']],
    ['::ffff:192.0.2.9', 'Agent', 'DE', 'Agent', true, ''],
  )
  assert.deepEqual(row['event_data'], detail.data)
  assert.equal(
    rowOf({ type: 'bounced', detail: { ip: null, userAgent: null, data: { via: 'smtp' } } })['via'],
    'smtp',
  )
  assert.equal(
    rowOf({ type: 'opened', detail: { ...detail, data: { machine_signs: [] } } })['is_machine'],
    false,
  )
})

test('half a character in what came back is replaced, since the history refuses it', () => {
  const row = rowOf({ type: 'clicked', detail: { ip: null, userAgent: null, data: { url: 'x\ud800y' } } })
  assert.deepEqual(row['event_data'], { url: 'x\ufffdy' })
})

test('an event has one id at its place, and another at another place', () => {
  const event = historyEvent()
  const place = { partition: 0, offset: 7n, index: 1 }
  const id = eventId(event, place)
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(eventId(event, place), id)
  for (const other of [{ partition: 1 }, { offset: 8n }, { index: 2 }])
    assert.notEqual(eventId(event, { ...place, ...other }), id)
})
