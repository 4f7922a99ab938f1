import { BURST_MS } from './machine-signs.ts'
import type { HitContext } from './machine-signs.ts'

/** What was followed, by whom and in which message. */
export interface RecentHit {
  readonly messageId: string
  readonly ip: string
  readonly userAgent: string
  readonly type: 'opened' | 'clicked'
  readonly link: number
  readonly isTrap: boolean
}

/** How long who followed a link that no person sees is taken for a machine in everything. */
export const TRAP_MS = 60_000
/** Messages, and callers, that are remembered: some megabytes. The oldest are forgotten first. */
const MAX_REMEMBERED = 20_000
/** Clicks of one message that are remembered: one would do, were it never the same link. */
const MAX_CLICKS = 4

interface Click {
  readonly link: number
  readonly atMs: number
}

/** Remembers what this process has seen lately, for the signs that one request alone does not show. */
export interface RecentHits {
  /** What was seen before this hit, which is then remembered as well. */
  look(hit: RecentHit, nowMs: number): HitContext
}

export function createRecentHits(maxRemembered = MAX_REMEMBERED): RecentHits {
  const traps = new Map<string, number>()
  const clicks = new Map<string, readonly Click[]>()
  return {
    look: (hit, nowMs) => {
      const caller = `${hit.ip} ${hit.userAgent}`
      const trappedAt = traps.get(caller)
      if (hit.isTrap) remember(traps, caller, nowMs, maxRemembered)
      const recent = (clicks.get(hit.messageId) ?? []).filter((click) => nowMs - click.atMs < BURST_MS)
      if (hit.type === 'clicked' && !hit.isTrap) {
        const now = [...recent, { link: hit.link, atMs: nowMs }].slice(-MAX_CLICKS)
        remember(clicks, hit.messageId, now, maxRemembered)
      }
      return {
        hasFollowedTrap: trappedAt !== undefined && nowMs - trappedAt < TRAP_MS,
        otherLinks: recent.filter((click) => click.link !== hit.link).length,
      }
    },
  }
}

/** A Map keeps the order in which keys came: the first is the one that was touched longest ago. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value, limit: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= limit) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
