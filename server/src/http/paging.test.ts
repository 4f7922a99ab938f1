import assert from 'node:assert/strict'
import { test } from 'node:test'
import { afterId, decodeCursor, encodeCursor, rowsToRead, toPage } from './paging.ts'

const ID = '019a0000-0000-7000-8000-000000000001'

test('a cursor comes back as it was', () => {
  const values = ['2026-01-01T00:00:00Z', 'ü"\\', ID]
  assert.deepEqual(decodeCursor(encodeCursor(values), 3), values)
})

test('a cursor that was not made here is refused', () => {
  const bad = [
    '',
    'x',
    '%%%',
    encodeCursor(['a', 'b']),
    Buffer.from('[1]').toString('base64url'),
    Buffer.from('{}').toString('base64url'),
  ]
  for (const cursor of bad)
    assert.throws(() => decodeCursor(cursor, 1), { code: 'paging.bad_cursor' }, cursor)
  assert.throws(() => afterId({ cursor: encodeCursor(["' or 1=1"]) }), { code: 'paging.bad_cursor' })
})

test('one row more than the page shows that there is a next page', () => {
  const rows = ['a', 'b', 'c'].map((id) => ({ id }))
  assert.equal(rowsToRead({ limit: 2 }), 3)
  const page = toPage(rows, { limit: 2 })
  assert.deepEqual(page.data, [{ id: 'a' }, { id: 'b' }])
  assert.equal(page.has_more, true)
  assert.deepEqual(decodeCursor(page.next_cursor ?? '', 1), ['b'])
  assert.deepEqual(toPage(rows, { limit: 3 }), { data: rows, has_more: false, next_cursor: null })
  assert.deepEqual(toPage([], {}), { data: [], has_more: false, next_cursor: null })
})

test('the first page begins at the start', () => {
  assert.equal(afterId({}), null)
  assert.equal(afterId({ cursor: encodeCursor([ID]) }), ID)
})
