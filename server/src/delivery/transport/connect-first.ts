import type { Clock } from '#platform/clock.ts'

/** RFC 8305 5, the recommended Connection Attempt Delay. */
export const CONNECT_STAGGER_MS = 250

/** What is raced: it has ended when it could not connect. */
interface Raced {
  ended(): unknown
  end(reason: string): void
}

/** A connection that was tried: it has ended, or it is the first that stands. */
export interface Tried<T, W extends Raced> {
  readonly candidate: T
  readonly wire: W
}

/**
 * Connects to several addresses of one server and takes the first that answers (RFC 8305 5): the next one is tried when
 * the one before it failed, or has not connected after 250 ms. Resolves with those that ended, in that order, and the
 * one that connected, if any, as the last; what is still connecting then is aborted, and says nothing about its address.
 */
export function connectFirst<T, W extends Raced>(
  clock: Clock,
  candidates: readonly T[],
  begin: (candidate: T, signal: AbortSignal) => Promise<W>,
): Promise<Tried<T, W>[]> {
  return new Promise((resolve) => {
    const waiting = [...candidates]
    const tried: Tried<T, W>[] = []
    const connecting = new Set<AbortController>()
    let isDone = false
    let stagger = new AbortController()

    function beginNext(): void {
      stagger.abort()
      const candidate = waiting.shift()
      if (candidate === undefined) return
      const attempt = new AbortController()
      connecting.add(attempt)
      void begin(candidate, attempt.signal).then((wire) => ended(attempt, { candidate, wire }))
      if (waiting.length > 0) void beginNextAfterStagger()
    }

    async function beginNextAfterStagger(): Promise<void> {
      const mine = new AbortController()
      stagger = mine
      await clock.sleep(CONNECT_STAGGER_MS, mine.signal)
      if (!mine.signal.aborted) beginNext()
    }

    function ended(attempt: AbortController, one: Tried<T, W>): void {
      connecting.delete(attempt)
      if (isDone) return one.wire.end('another address was faster')
      tried.push(one)
      const isConnected = one.wire.ended() === undefined
      if (!isConnected && waiting.length > 0) return beginNext()
      if (!isConnected && connecting.size > 0) return
      isDone = true
      stagger.abort()
      for (const other of connecting) other.abort()
      resolve(tried)
    }

    beginNext()
    if (connecting.size === 0) resolve(tried)
  })
}
