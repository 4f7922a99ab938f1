import assert from 'node:assert/strict'
import { test } from 'node:test'
import { number, printable, table, time } from './output.ts'

test('what strangers wrote cannot move the cursor', () => {
  assert.equal(printable('a\u001b[2Jb\rc\u009bd\te'), 'a\ufffd[2Jb\ufffdc\ufffdd\te')
})

test('a table is as wide as its widest cells, and each row is one line', () => {
  assert.deepEqual(
    table(
      ['name', 'count'],
      [
        ['Ann\nBob', '7'],
        ['x', '1,000'],
      ],
      ['left', 'right'],
    ),
    ['name     count', 'Ann Bob      7', 'x        1,000'],
  )
  assert.deepEqual(table(['name'], []), ['(none)'])
})

test('numbers have separators, times are in UTC', () => {
  assert.equal(number(1234567.89), '1,234,567.9')
  assert.equal(time('2026-11-22T09:30:01.234Z'), '2026-11-22 09:30:01 UTC')
  assert.equal(time(null), '-')
})
