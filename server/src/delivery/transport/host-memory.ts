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
  /** BDAT was offered and did not work. */
  chunkingBroke(address: string): void
  isChunkingBroken(address: string): boolean
}

export interface HostMemoryOptions {
  readonly clock: Clock
  readonly backOffBaseMs: number
  readonly backOffMaxMs: number
  readonly tlsBrokenMs: number
  readonly maxHosts: number
}

/** How long an address whose BDAT did not work gets DATA: longer than any message waits between two attempts. */
const CHUNKING_BROKEN_MS = 86_400_000

interface Failure {
  readonly count: number
  readonly until: number
}

export function createHostMemory(options: HostMemoryOptions): HostMemory {
  const failures = new Map<string, Failure>()
  const now = (): number => options.clock.monotonicMs()
  const brokenTls = createMarks(now, options.tlsBrokenMs, options.maxHosts)
  const brokenChunking = createMarks(now, CHUNKING_BROKEN_MS, options.maxHosts)

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
    tlsBroke: brokenTls.set,
    isTlsBroken: brokenTls.has,
    chunkingBroke: brokenChunking.set,
    isChunkingBroken: brokenChunking.has,
  }
}

/** Addresses that are marked for a time. */
function createMarks(now: () => number, lastsMs: number, max: number) {
  const marks = new Map<string, number>()
  return {
    set: (address: string): void => put(marks, address, now() + lastsMs, max),
    has(address: string): boolean {
      const until = marks.get(address)
      if (until !== undefined && until <= now()) marks.delete(address)
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
