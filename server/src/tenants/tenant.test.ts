import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTimeZone } from './tenant.ts'

test('names of the IANA database are time zones', () => {
  for (const name of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Kolkata'])
    assert.ok(isTimeZone(name), name)
})

test('offsets, misspellings and nothing are not', () => {
  for (const name of ['', '+01:00', '-03', 'Europe/Berlim', 'Europe/Berlin; drop table', '1', 'null'])
    assert.ok(!isTimeZone(name), name)
})
