import type { Clock } from '#platform/clock.ts'

/** For each that is in, so many may wait: more would only grow old. */
const WAITING_PER_PLACE = 10

export type Entry = 'in' | 'closed' | 'full'

/** Lets so many in at a time; the others wait in the order they came. */
export interface Turnstile {
  /** `closed`: before there was room. `full`: too many wait already. Who is in must `leave`. */
  enter(): Promise<Entry>
  leave(): void
  /** How many more may come without waiting. */
  room(): number
  /** Turns away who waits and who comes, and waits until all are out, at most `graceMs`. */
  close(graceMs: number): Promise<void>
}

export function createTurnstile(clock: Clock, maxInside: number): Turnstile {
  const waiting: ((entry: Entry) => void)[] = []
  let inside = 0
  let isClosed = false
  let onEmpty: (() => void) | undefined

  return {
    async enter() {
      if (isClosed) return 'closed'
      if (inside < maxInside) {
        inside += 1
        return 'in'
      }
      if (waiting.length >= maxInside * WAITING_PER_PLACE) return 'full'
      return new Promise((resolve) => waiting.push(resolve))
    },
    leave() {
      const next = waiting.shift()
      // The place goes on to who waits.
      if (next !== undefined) return next('in')
      inside -= 1
      if (inside === 0) onEmpty?.()
      return undefined
    },
    room: () => (isClosed ? 0 : Math.max(0, maxInside - inside)),
    async close(graceMs) {
      isClosed = true
      for (const turnedAway of waiting.splice(0)) turnedAway('closed')
      if (inside === 0) return
      const empty = new AbortController()
      onEmpty = () => empty.abort()
      await clock.sleep(graceMs, empty.signal)
    },
  }
}
