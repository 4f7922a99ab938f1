import type { Clock } from '#platform/clock.ts'

interface Sleeper {
  readonly untilMs: number
  readonly wake: () => void
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on; every sleep that ends on the way ends, in order, each at its own time. */
  advance(ms: number): Promise<void>
  /** How many sleeps are waiting: a test waits for this before it advances. */
  sleepers(): number
}

export function manualClock(start: Date = new Date('2026-01-01T00:00:00Z')): ManualClock {
  let passedMs = 0
  const sleeping = new Set<Sleeper>()
  const next = (untilMs: number): Sleeper | undefined =>
    [...sleeping].filter((sleeper) => sleeper.untilMs <= untilMs).toSorted((a, b) => a.untilMs - b.untilMs)[0]
  return {
    now: () => new Date(start.getTime() + passedMs),
    monotonicMs: () => passedMs,
    sleepers: () => sleeping.size,
    sleep: async (ms, signal) => {
      if (signal?.aborted === true || ms <= 0) return
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          sleeping.delete(sleeper)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        const sleeper = { untilMs: passedMs + ms, wake }
        sleeping.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      })
    },
    advance: async (ms) => {
      // What was started just before has its chance to reach its sleep first.
      await macrotask()
      const target = passedMs + ms
      for (let sleeper = next(target); sleeper !== undefined; sleeper = next(target)) {
        passedMs = Math.max(passedMs, sleeper.untilMs)
        sleeper.wake()
        await macrotask()
      }
      passedMs = target
      await macrotask()
    },
  }
}

/** Lets what was just woken run up to its next wait. */
async function macrotask(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve))
}
