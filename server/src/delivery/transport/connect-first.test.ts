import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { connectFirst } from './connect-first.ts'

/** Connections that do what a test tells them: `begun` are the addresses that were tried so far. */
function network() {
  const clock = manualClock()
  const begun: string[] = []
  const aborted: string[] = []
  const endings = new Map<string, (error?: string) => void>()
  const begin = (address: string, signal: AbortSignal) => {
    begun.push(address)
    return new Promise<{ ended: () => string | undefined; end: (reason: string) => void }>((resolve) => {
      let failure: string | undefined
      const finish = (error?: string): void => {
        failure = error
        resolve({ ended: () => failure, end: (reason) => (failure ??= reason) })
      }
      endings.set(address, finish)
      signal.addEventListener('abort', () => {
        aborted.push(address)
        finish('aborted')
      })
    })
  }
  const settle = async (address: string, error?: string): Promise<void> => {
    endings.get(address)?.(error)
    await clock.advance(0)
  }
  const race = (...addresses: string[]) =>
    connectFirst(clock, addresses, begin).then((tried) =>
      tried.map(({ candidate, wire }) => `${candidate} ${wire.ended() ?? 'connected'}`),
    )
  return { clock, begun, aborted, settle, race }
}

test('an address that connects within 250 ms is the only one that is tried', async () => {
  const { clock, begun, aborted, settle, race } = network()
  const racing = race('a', 'b')
  await clock.advance(249)
  await settle('a')
  await clock.advance(10_000)
  assert.deepEqual(await racing, ['a connected'])
  assert.deepEqual([begun, aborted, clock.sleepers()], [['a'], [], 0])
})

test('after 250 ms without a connection the next one is tried, and the first to connect wins', async () => {
  const { clock, begun, aborted, settle, race } = network()
  const racing = race('a', 'b', 'c', 'd')
  await clock.advance(250)
  assert.deepEqual(begun, ['a', 'b'])
  await clock.advance(250)
  assert.deepEqual(begun, ['a', 'b', 'c'])
  await settle('b')
  assert.deepEqual(await racing, ['b connected'])
  assert.deepEqual(aborted, ['a', 'c'])
  await clock.advance(10_000)
  assert.deepEqual(begun, ['a', 'b', 'c'])
})

test('an address that fails costs no time: the next one is tried at once', async () => {
  const { begun, settle, race } = network()
  const racing = race('a', 'b', 'c')
  await settle('a', 'ENETUNREACH')
  assert.deepEqual(begun, ['a', 'b'])
  await settle('b', 'ECONNREFUSED')
  await settle('c')
  assert.deepEqual(await racing, ['a ENETUNREACH', 'b ECONNREFUSED', 'c connected'])
})

test('when all fail, all of them are told', async () => {
  const { clock, settle, race } = network()
  const racing = race('a', 'b')
  await clock.advance(250)
  await settle('b', 'ECONNREFUSED')
  await settle('a', 'no answer in time')
  assert.deepEqual(await racing, ['b ECONNREFUSED', 'a no answer in time'])
})

test('without addresses nothing is tried', async () => {
  assert.deepEqual(await network().race(), [])
})
