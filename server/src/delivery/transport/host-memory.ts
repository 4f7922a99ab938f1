import type { Clock } from '#platform/clock.ts'

/** What was learned about addresses of receivers, forgotten after a time. Bounded: the oldest entry leaves first. */
export interface HostMemory {
  /** A connection to the address failed: until when it is not tried, longer each time. */
  failed(address: string): void
  worked(address: string): void
  /** Milliseconds until the address may be tried; 0 is now. */
  waitMs(address: string): number
  tlsBroke(address: string): void
  isTlsBroken(address: string): boolean
}

export interface HostMemoryOptions {
  readonly clock: Clock
  readonly backOffBaseMs: number
  readonly backOffMaxMs: number
  readonly tlsBrokenMs: number
  readonly maxHosts: number
}

interface Failure {
  readonly count: number
  readonly until: number
}

export function createHostMemory(options: HostMemoryOptions): HostMemory {
  const failures = new Map<string, Failure>()
  const brokenTls = new Map<string, number>()
  const now = (): number => options.clock.monotonicMs()

  return {
    failed(address) {
      const last = failures.get(address)
      // Connections that were opened together fail together: that is one failure.
      if (last !== undefined && last.until > now()) return
      const count = (last?.count ?? 0) + 1
      const wait = Math.min(options.backOffBaseMs * 2 ** (count - 1), options.backOffMaxMs)
      put(failures, address, { count, until: now() + wait }, options.maxHosts)
    },
    worked(address) {
      failures.delete(address)
    },
    waitMs(address) {
      return Math.max(0, (failures.get(address)?.until ?? 0) - now())
    },
    tlsBroke(address) {
      put(brokenTls, address, now() + options.tlsBrokenMs, options.maxHosts)
    },
    isTlsBroken(address) {
      const until = brokenTls.get(address)
      if (until !== undefined && until <= now()) brokenTls.delete(address)
      return until !== undefined && until > now()
    },
  }
}

function put<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key)
  const [oldest] = map.keys()
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
