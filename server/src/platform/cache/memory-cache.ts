import type { Clock } from '#platform/clock.ts'
import { Problem } from '#platform/problem.ts'
import type { Cache, CacheLock } from './cache.ts'

/** About 20 MB with short keys and values. */
const MAX_ENTRIES = 100_000

interface Entry {
  readonly value: string
  readonly endsAtMs: number
}

/** Values and counters in the order of their last use; locks apart, because dropping one would let two hold it. */
interface Store {
  readonly entries: Map<string, Entry>
  readonly locks: Map<string, { endsAtMs: number }>
  readonly nowMs: () => number
  readonly maxEntries: number
}

/**
 * The cache of one process, in memory. At most `maxEntries` values and counters are kept: the one used longest ago makes
 * room. Locks are never dropped; beyond `maxEntries` live ones another is refused with Problem('limited', 'cache.full').
 */
export function createMemoryCache(deps: { clock: Clock }, options: { maxEntries?: number } = {}): Cache {
  const store: Store = {
    entries: new Map(),
    locks: new Map(),
    nowMs: () => deps.clock.monotonicMs(),
    maxEntries: options.maxEntries ?? MAX_ENTRIES,
  }
  return {
    get: async (key) => read(store, key)?.value,
    set: async (key, value, ttlMs) => write(store, key, { value, endsAtMs: endOf(store, ttlMs) }),
    delete: async (key) => {
      store.entries.delete(key)
    },
    increment: async (key, by, ttlMs) => increment(store, key, by, ttlMs),
    lock: async (key, ttlMs) => lock(store, key, ttlMs),
    close: async () => {
      store.entries.clear()
      store.locks.clear()
    },
  }
}

function endOf(store: Store, ttlMs: number): number {
  if (!(ttlMs > 0) || !Number.isFinite(ttlMs)) {
    throw new Problem(
      'invalid',
      'cache.bad_ttl',
      `A time to live is a number of milliseconds above 0, not ${ttlMs}.`,
    )
  }
  return store.nowMs() + ttlMs
}

function read(store: Store, key: string): Entry | undefined {
  const entry = store.entries.get(key)
  if (entry === undefined) return undefined
  store.entries.delete(key)
  if (entry.endsAtMs <= store.nowMs()) return undefined
  store.entries.set(key, entry)
  return entry
}

function write(store: Store, key: string, entry: Entry): void {
  store.entries.delete(key)
  store.entries.set(key, entry)
  if (store.entries.size <= store.maxEntries) return
  const [oldest] = store.entries.keys()
  if (oldest !== undefined) store.entries.delete(oldest)
}

function increment(store: Store, key: string, by: number, ttlMs: number): { value: number; ttlMs: number } {
  const freshEnd = endOf(store, ttlMs)
  const existing = read(store, key)
  const before = Number(existing?.value ?? 0)
  if (!Number.isFinite(before) || !Number.isFinite(by)) {
    throw new Problem(
      'invalid',
      'cache.not_a_counter',
      `${key} holds a value that is no number, or was asked to grow by none.`,
    )
  }
  const endsAtMs = existing?.endsAtMs ?? freshEnd
  write(store, key, { value: String(before + by), endsAtMs })
  return { value: before + by, ttlMs: Math.ceil(endsAtMs - store.nowMs()) }
}

function lock(store: Store, key: string, ttlMs: number): CacheLock | undefined {
  const endsAtMs = endOf(store, ttlMs)
  const held = store.locks.get(key)
  if (held !== undefined && held.endsAtMs > store.nowMs()) return undefined
  store.locks.delete(key)
  makeRoomForLock(store)
  const ours = { endsAtMs }
  store.locks.set(key, ours)
  const isOurs = (): boolean => store.locks.get(key) === ours && ours.endsAtMs > store.nowMs()
  return {
    extend: async (longerMs) => {
      const end = endOf(store, longerMs)
      if (!isOurs()) return false
      ours.endsAtMs = end
      return true
    },
    release: async () => {
      if (store.locks.get(key) === ours) store.locks.delete(key)
    },
  }
}

function makeRoomForLock(store: Store): void {
  if (store.locks.size < store.maxEntries) return
  for (const [key, { endsAtMs }] of store.locks) if (endsAtMs <= store.nowMs()) store.locks.delete(key)
  if (store.locks.size < store.maxEntries) return
  throw new Problem(
    'limited',
    'cache.full',
    `${store.maxEntries} locks are held: wait until one of them ends.`,
  )
}
