import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsIn, killedPoints } from './explain.ts'
import type { Kill } from './kill.ts'

const KILL: Kill = {
  point: 'after-dot',
  open: 2,
  mayComeAgain: new Set(['a', 'b']),
  victim: { messageId: 'a', comesTwice: true },
}

test('each second copy that a kill left in doubt is explained', () => {
  assert.deepEqual(
    faultsIn(
      new Map([
        ['a', 2],
        ['b', 2],
        ['c', 1],
      ]),
      [KILL],
    ),
    [],
  )
})

test('a second copy of a message that was not in doubt is a fault, and so is a third of one that was', () => {
  const copies = new Map([
    ['a', 3],
    ['c', 2],
  ])
  assert.deepEqual(faultsIn(copies, [KILL]), [
    'a came 3 times, and kills explain 1 copies more than one.',
    'c came 2 times, and kills explain 0 copies more than one.',
  ])
})

test('a message that never came is a fault, and so is one that nobody could know of and that came once', () => {
  const copies = new Map([
    ['a', 1],
    ['c', 0],
  ])
  assert.deepEqual(faultsIn(copies, [KILL]), [
    'c never came.',
    'after-dot: the receiver had a, nobody knew, and it did not come again.',
  ])
})

test('more duplicates than open connections are a fault of the kill', () => {
  const copies = new Map([
    ['a', 2],
    ['b', 2],
  ])
  assert.deepEqual(faultsIn(copies, [{ ...KILL, open: 1 }]), [
    'after-dot: 2 duplicates with 1 open connections.',
  ])
  assert.equal(killedPoints(copies, [KILL])[0]?.duplicates, 2)
})
