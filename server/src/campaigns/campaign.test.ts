import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#platform/problem.ts'
import { bucketFor } from './campaign-report.ts'
import {
  assertAllowed,
  assertTimeZone,
  instantOf,
  type CampaignAction,
  type CampaignStatus,
} from './campaign.ts'

const INSTANTS: readonly (readonly [why: string, local: string, zone: string, instant: string])[] = [
  ['winter', '2026-12-01T09:00', 'Europe/Berlin', '2026-12-01T08:00:00.000Z'],
  ['summer', '2026-07-01T09:00', 'Europe/Berlin', '2026-07-01T07:00:00.000Z'],
  ['with seconds', '2026-07-01T09:00:30', 'Europe/Berlin', '2026-07-01T07:00:30.000Z'],
  ['just before the gap', '2026-03-29T01:59', 'Europe/Berlin', '2026-03-29T00:59:00.000Z'],
  ['in the gap: as far behind it', '2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['just behind the gap', '2026-03-29T03:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
  ['just before the hour that comes twice', '2026-10-25T01:59', 'Europe/Berlin', '2026-10-24T23:59:00.000Z'],
  [
    'in the hour that comes twice: the first',
    '2026-10-25T02:30',
    'Europe/Berlin',
    '2026-10-25T00:30:00.000Z',
  ],
  ['behind the hour that comes twice', '2026-10-25T03:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
  ['in the gap', '2026-03-08T02:30', 'America/New_York', '2026-03-08T07:30:00.000Z'],
  [
    'in the hour that comes twice: the first',
    '2026-11-01T01:30',
    'America/New_York',
    '2026-11-01T05:30:00.000Z',
  ],
  ['behind the hour that comes twice', '2026-11-01T02:00', 'America/New_York', '2026-11-01T07:00:00.000Z'],
  ['half an hour from UTC', '2026-03-29T02:30', 'Asia/Kolkata', '2026-03-28T21:00:00.000Z'],
  ['thirteen hours ahead', '2026-06-01T09:00', 'Pacific/Apia', '2026-05-31T20:00:00.000Z'],
  [
    'the day before the one that was left out',
    '2011-12-29T09:00',
    'Pacific/Apia',
    '2011-12-29T19:00:00.000Z',
  ],
  ['the day after the one that was left out', '2011-12-31T09:00', 'Pacific/Apia', '2011-12-30T19:00:00.000Z'],
  ['on the day that was left out', '2011-12-30T09:00', 'Pacific/Apia', '2011-12-30T19:00:00.000Z'],
  ['no zone at all', '2028-02-29T23:59', 'UTC', '2028-02-29T23:59:00.000Z'],
]

for (const [why, local, zone, instant] of INSTANTS) {
  test(`${local} in ${zone} is ${instant}: ${why}`, () => {
    assert.equal(instantOf(local, zone).toISOString(), instant)
  })
}

test('every wall-clock time that exists comes back as itself', () => {
  for (const zone of [
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kolkata',
    'Pacific/Apia',
    'Australia/Lord_Howe',
  ]) {
    for (let hour = 0; hour < 24 * 366; hour += 37) {
      const instant = new Date(Date.UTC(2026, 0, 1, hour))
      const local = instant.toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T')
      const again = instantOf(local, zone)
      assert.ok(
        again <= instant && again.toLocaleString('sv-SE', { timeZone: zone }) === local.replace('T', ' '),
        `${local} in ${zone}`,
      )
    }
  }
})

for (const local of [
  '',
  'tomorrow',
  '2026-12-01',
  '2026-12-01T09:00Z',
  '2026-12-01T09:00+01:00',
  '2026-13-01T09:00',
  '2026-12-01T25:00',
  '2026-02-30T09:00',
  '9'.repeat(10_000),
]) {
  test(`"${local.slice(0, 30)}" is no wall-clock time`, () => {
    assert.throws(
      () => instantOf(local, 'Europe/Berlin'),
      (error: unknown) =>
        error instanceof Problem && error.code === 'campaigns.time_invalid' && error.message.length < 300,
    )
  })
}

test('a time zone that does not exist is refused', () => {
  assertTimeZone('Europe/Lisbon')
  for (const zone of ['Europe/Nowhere', '', 'x'.repeat(1000)]) {
    assert.throws(
      () => assertTimeZone(zone),
      (error: unknown) => error instanceof Problem && error.code === 'time_zone_unknown',
    )
  }
})

const STATUSES: readonly CampaignStatus[] = ['draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled']
const ALLOWED: Readonly<Record<CampaignAction, readonly CampaignStatus[]>> = {
  edit: ['draft', 'scheduled'],
  send: ['draft', 'scheduled'],
  schedule: ['draft', 'scheduled'],
  pause: ['sending'],
  resume: ['paused'],
  cancel: ['scheduled', 'sending', 'paused'],
  delete: ['draft', 'cancelled', 'sent'],
}

for (const action of ['edit', 'send', 'schedule', 'pause', 'resume', 'cancel', 'delete'] as const) {
  test(`${action} is possible in ${ALLOWED[action].join(', ')} and refused in every other status`, () => {
    for (const status of STATUSES) {
      if (ALLOWED[action].includes(status)) assertAllowed(action, status)
      else
        assert.throws(
          () => assertAllowed(action, status),
          (error: unknown) => error instanceof Problem && error.code === `campaigns.cannot_${action}`,
        )
    }
  })
}

test('a refusal says what is possible instead', () => {
  assert.throws(
    () => assertAllowed('pause', 'paused'),
    /The campaign is paused: it cannot pause\. Possible now: resume, cancel\./,
  )
})

test('the rate over time has at most 120 buckets, and none shorter than a second', () => {
  assert.equal(bucketFor(0), 1)
  assert.equal(bucketFor(120), 1)
  assert.equal(bucketFor(121), 5)
  assert.equal(bucketFor(3600), 30)
  for (const seconds of [1, 599, 7200, 86_400, 30 * 86_400])
    assert.ok(seconds / bucketFor(seconds) <= 120, String(seconds))
})
