import type { Clock } from '#platform/clock.ts'
import type { TlsSessionSlot } from './smtp-wire.ts'

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
  /**
   * Where the last TLS session of this key is. The key names the address and whatever the session was judged by: a
   * server that resumes shows no certificate again.
   */
  tlsSession(key: string): TlsSessionSlot
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
/** Servers keep the keys of their tickets for about so long. */
const TLS_SESSION_MS = 3_600_000
/** Each takes 2 to 4 KB: the certificate of the server is in it. */
const MAX_TLS_SESSIONS = 2_000

interface Failure {
  readonly count: number
  readonly until: number
}

export function createHostMemory(options: HostMemoryOptions): HostMemory {
  const failures = new Map<string, Failure>()
  const now = (): number => options.clock.monotonicMs()
  const brokenTls = createNotes<true>(now, options.tlsBrokenMs, options.maxHosts)
  const brokenChunking = createNotes<true>(now, CHUNKING_BROKEN_MS, options.maxHosts)
  const sessions = createNotes<Buffer>(now, TLS_SESSION_MS, MAX_TLS_SESSIONS)

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
    tlsBroke: (address) => brokenTls.set(address, true),
    isTlsBroken: (address) => brokenTls.get(address) === true,
    chunkingBroke: (address) => brokenChunking.set(address, true),
    isChunkingBroken: (address) => brokenChunking.get(address) === true,
    tlsSession: (key) => ({
      get: () => sessions.get(key),
      keep: (session) => sessions.set(key, session),
      forget: () => sessions.delete(key),
    }),
  }
}

/** What is known for a time. */
function createNotes<T>(now: () => number, lastsMs: number, max: number) {
  const notes = new Map<string, { readonly value: T; readonly until: number }>()
  return {
    set: (key: string, value: T): void => put(notes, key, { value, until: now() + lastsMs }, max),
    delete: (key: string): void => void notes.delete(key),
    get(key: string): T | undefined {
      const note = notes.get(key)
      if (note === undefined || note.until > now()) return note?.value
      notes.delete(key)
      return undefined
    },
  }
}

function put<T>(map: Map<string, T>, key: string, value: T, max: number): void {
  map.delete(key)
  const [oldest] = map.keys()
  if (map.size >= max && oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
