import type { Clock } from '#platform/clock.ts'

/** One movable deadline. Moving it later costs nothing: the sleeper looks again when it wakes. */
export interface Deadline {
  arm(ms: number): void
  disarm(): void
  /** Disarms and leaves no timer behind. */
  stop(): void
}

export function createDeadline(clock: Clock, onExpire: () => void): Deadline {
  let at = Number.POSITIVE_INFINITY
  let wakesAt = Number.POSITIVE_INFINITY
  let sleeper: AbortController | undefined

  function sleep(): void {
    sleeper?.abort()
    const mine = new AbortController()
    sleeper = mine
    wakesAt = at
    void clock.sleep(Math.max(1, Math.ceil(at - clock.monotonicMs())), mine.signal).then(() => {
      if (sleeper === mine) wake()
    })
  }

  function wake(): void {
    sleeper = undefined
    wakesAt = Number.POSITIVE_INFINITY
    if (at === Number.POSITIVE_INFINITY) return
    if (clock.monotonicMs() < at) return sleep()
    at = Number.POSITIVE_INFINITY
    onExpire()
  }

  return {
    arm(ms) {
      at = clock.monotonicMs() + ms
      if (at < wakesAt) sleep()
    },
    disarm() {
      at = Number.POSITIVE_INFINITY
    },
    stop() {
      at = Number.POSITIVE_INFINITY
      const last = sleeper
      sleeper = undefined
      last?.abort()
    },
  }
}
