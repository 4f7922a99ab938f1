import { setTimeout as delay } from 'node:timers/promises'

/** Time as a value that is passed in: code that must be tested over days takes a `Clock` and never asks the system. */
export interface Clock {
  /** Wall-clock time. */
  now(): Date
  /** Milliseconds that only ever grow: for leases, deadlines and rates. */
  monotonicMs(): number
  /** Resolves after `ms`, or at once (without an error) when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      if (signal?.aborted !== true) throw error
    }
  },
}
