import type { Clock } from '#platform/clock.ts'

/** The windtunnel's own time: it begins with the clock's and may run faster or be moved on, never back. */
export interface VirtualTime {
  /** Milliseconds since it began; whole days pass in minutes when it is scaled. */
  nowMs(): number
  now(): Date
  readonly scale: number
  /** Virtual seconds a real one, 1 to `MAX_TIME_SCALE`. What has passed stays as it passed. */
  setScale(scale: number): void
  /** Lets this much pass at once. */
  advance(ms: number): void
}

export const MAX_TIME_SCALE = 10_000

export function createVirtualTime(clock: Pick<Clock, 'now' | 'monotonicMs'>, scale = 1): VirtualTime {
  const startedAt = clock.now().getTime()
  let passedMs = 0
  let readAt = clock.monotonicMs()
  let speed = scale

  const nowMs = (): number => {
    const real = clock.monotonicMs()
    passedMs += (real - readAt) * speed
    readAt = real
    return passedMs
  }

  return {
    nowMs,
    now: () => new Date(startedAt + nowMs()),
    get scale() {
      return speed
    },
    setScale: (next) => {
      nowMs()
      speed = next
    },
    advance: (ms) => {
      passedMs = nowMs() + ms
    },
  }
}
