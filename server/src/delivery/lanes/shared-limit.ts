import type { SharedLimits } from '#delivery/shaping/shaping.ts'
import { ACTIVE_PER_CONNECTION } from './lane.ts'
import { allOf, createRateLimit } from './rate-limit.ts'

/** A limit that several lanes share: a provider's, a tenant's. */
export interface SharedLimit {
  /** Milliseconds until one more may begin; Infinity: when one has ended. */
  waitMs(nowMs: number): number
  begin(nowMs: number): void
  end(): void
  active(): number
}

/** `limits` is asked each time: another object means that the shaping file has changed. */
export function createSharedLimit(limits: () => SharedLimits): SharedLimit {
  let current = limits()
  let rates = allOf(current.rates.map(createRateLimit))
  let active = 0
  return {
    waitMs: (nowMs) => {
      const now = limits()
      if (now !== current) {
        current = now
        rates = allOf(current.rates.map(createRateLimit))
      }
      return active >= current.maxConnections * ACTIVE_PER_CONNECTION ? Infinity : rates.waitMs(nowMs)
    },
    begin: (nowMs) => {
      active += 1
      rates.take(nowMs)
    },
    end: () => {
      active -= 1
    },
    active: () => active,
  }
}
