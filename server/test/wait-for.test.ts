import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from './wait-for.ts'

test('it returns the first answer that is something', async () => {
  const answers = [null, undefined, false, 0]
  assert.equal(await waitFor('a number', () => answers.shift()), 0)
})

test('its failure says what was waited for and what came last', async () => {
  await assert.rejects(
    waitFor(
      'the moon',
      () => {
        throw new Error('still day')
      },
      20,
    ),
    /Waited 20 ms in vain for the moon; the last answer was: Error: still day/,
  )
})
