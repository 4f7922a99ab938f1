import { setTimeout as sleep } from 'node:timers/promises'
import { PigeonError } from '@pigeon/sdk'

const FOR_MS = 60_000
const PAUSE_MS = 500
const PASSING = new Set([0, 429, 502, 503, 504])

/** For reading again and again while something long runs: a server that restarts meanwhile is waited for, a minute long. */
export async function patiently<T>(read: () => Promise<T>, forMs: number = FOR_MS): Promise<T> {
  const deadline = performance.now() + forMs
  for (;;) {
    try {
      return await read()
    } catch (error) {
      const passes = error instanceof PigeonError && PASSING.has(error.status)
      if (!passes || performance.now() > deadline) throw error
      await sleep(Math.min(error.retryAfterMs ?? PAUSE_MS, forMs))
    }
  }
}

/** Reads until `isGood`, or until the time is over; the last reading either way. */
export async function readUntil<T>(
  read: () => Promise<T>,
  isGood: (value: T) => boolean,
  limits: { readonly everyMs: number; readonly withinMs: number },
): Promise<T> {
  const deadline = performance.now() + limits.withinMs
  for (;;) {
    const value = await patiently(read)
    if (isGood(value) || performance.now() > deadline) return value
    await sleep(limits.everyMs)
  }
}
