import type { Clock } from '#platform/clock.ts'

/** Answers that are kept for a time. Questions for one key share one look-up. */
export interface LookupCache<T> {
  /** Rejects when `load` does; a failure that is a value is kept as `load` says. */
  get(key: string): Promise<T>
}

export interface LookupCacheOptions<T> {
  readonly clock: Clock
  /** The entry that was loaded longest ago leaves first. */
  readonly maxEntries: number
  /** After this the signal of `load` aborts. */
  readonly deadlineMs: number
  readonly load: (key: string, signal: AbortSignal) => Promise<{ readonly value: T; readonly keepMs: number }>
}

export function createLookupCache<T>(options: LookupCacheOptions<T>): LookupCache<T> {
  const { clock } = options
  const kept = new Map<string, { readonly value: T; readonly until: number }>()
  const flights = new Map<string, Promise<T>>()

  async function load(key: string): Promise<T> {
    const stop = new AbortController()
    const timer = new AbortController()
    void clock.sleep(options.deadlineMs, timer.signal).then(() => stop.abort(new Error('no answer in time')))
    try {
      const { value, keepMs } = await options.load(key, stop.signal)
      // Deleted first, so that the oldest entries are at the front of the map.
      kept.delete(key)
      const [oldest] = kept.keys()
      if (kept.size >= options.maxEntries && oldest !== undefined) kept.delete(oldest)
      kept.set(key, { value, until: clock.monotonicMs() + keepMs })
      return value
    } finally {
      timer.abort()
    }
  }

  return {
    get(key) {
      const known = kept.get(key)
      if (known !== undefined && known.until > clock.monotonicMs()) return Promise.resolve(known.value)
      const flying = flights.get(key)
      if (flying !== undefined) return flying
      const flight = load(key).finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
  }
}
