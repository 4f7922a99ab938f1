/** Small shared facts that may be lost at any time: counters with an end, and values with an end. */
export interface Cache {
  get(key: string): Promise<string | undefined>
  set(key: string, value: string, ttlMs: number): Promise<void>
  delete(key: string): Promise<void>
  /** Adds to a counter that ends `ttlMs` after its first increment; returns the new value and what is left of its time. */
  increment(key: string, by: number, ttlMs: number): Promise<{ value: number; ttlMs: number }>
  /** Takes a lock that ends by itself; `undefined` when somebody else holds it. */
  lock(key: string, ttlMs: number): Promise<CacheLock | undefined>
  close(): Promise<void>
}

export interface CacheLock {
  /** Longer, if the lock is still ours. */
  extend(ttlMs: number): Promise<boolean>
  release(): Promise<void>
}
