import type { Identity } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'

/** A revoked key or session is refused by every process after at most this long; by the one that revoked it at once. */
const TTL_MS = 5000
const MAX_ENTRIES = 10_000

/** Who stands behind a credential, for a few seconds: a busy API key is not looked up at every request. */
export interface IdentityCache {
  get(credential: string): Identity | undefined
  /** `endsAt`: when the credential itself is over. */
  set(credential: string, identity: Identity, endsAt: Date | null): void
  /** Drops those of an API key or a session. */
  forget(id: string): void
}

export function createIdentityCache(deps: { clock: Clock }): IdentityCache {
  const entries = new Map<string, { identity: Identity; untilMs: number }>()
  const nowMs = (): number => deps.clock.monotonicMs()
  return {
    get: (credential) => {
      const entry = entries.get(credential)
      return entry !== undefined && entry.untilMs > nowMs() ? entry.identity : undefined
    },
    set: (credential, identity, endsAt) => {
      const leftMs = endsAt === null ? TTL_MS : endsAt.getTime() - deps.clock.now().getTime()
      entries.delete(credential)
      if (entries.size >= MAX_ENTRIES) {
        const [oldest] = entries.keys()
        if (oldest !== undefined) entries.delete(oldest)
      }
      entries.set(credential, { identity, untilMs: nowMs() + Math.min(TTL_MS, leftMs) })
    },
    forget: (id) => {
      for (const [credential, { identity }] of entries) {
        if (identity.apiKeyId === id || identity.sessionId === id) entries.delete(credential)
      }
    },
  }
}
