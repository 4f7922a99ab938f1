import type { RelayRefusal } from '#delivery/transport/transport.ts'
import type { Clock } from '#platform/clock.ts'
import type { RelayAlert, RelayHealth } from './relay.ts'

/** After so many failures with no success between them a relay is down. */
const FAILURES_TO_DOWN = 5
/** How long a relay that is down is left alone at first, doubled each time it fails again. */
const FIRST_REST_MS = 5_000
const MAX_REST_MS = 5 * 60_000
/** A relay that does not take our credentials is asked again after this: somebody may have mended them. */
export const SUSPENSION_MS = 5 * 60_000

export interface HealthTracker {
  health(): RelayHealth
  /** Why nothing may be given to it now; undefined when something may. */
  resting():
    | { readonly reason: RelayRefusal | 'no_connection'; readonly error: string; readonly ms: number }
    | undefined
  worked(): void
  /** It could not be reached, or failed in itself. */
  failed(error: string): void
  /** It wants to be left alone for a while. */
  limited(error: string, ms: number): void
  /** It does not let us in. */
  suspended(error: string): void
}

/** Remembers how a relay did, and for how long it is left alone. */
export function trackHealth(
  deps: { readonly clock: Clock; readonly alert: (alert: RelayAlert) => void },
  relay: string,
): HealthTracker {
  let failures = 0
  let rests = 0
  let until = Number.NEGATIVE_INFINITY
  let reason: RelayRefusal | 'no_connection' | undefined
  let error: string | null = null

  const restMs = (): number => Math.max(0, until - deps.clock.monotonicMs())

  function rest(why: RelayRefusal | 'no_connection', said: string, ms: number): void {
    reason = why
    error = said
    until = Math.max(until, deps.clock.monotonicMs() + ms)
  }
  return {
    health() {
      const ms = restMs()
      // After its rest it may be tried, and what becomes of that decides.
      if (ms > 0) return { state: 'down', reason: error, restMs: ms }
      return { state: error === null ? 'healthy' : 'degraded', reason: error, restMs: 0 }
    },
    resting() {
      const ms = restMs()
      return ms === 0 || reason === undefined ? undefined : { reason, error: error ?? '', ms }
    },
    worked() {
      // An answer that was on its way already does not end a rest that was asked for after it.
      if (restMs() > 0) return
      failures = 0
      rests = 0
      reason = undefined
      error = null
    },
    failed(said) {
      failures += 1
      error = said
      // Those in flight together fail together: that is one reason to rest, not many.
      if (failures < FAILURES_TO_DOWN || restMs() > 0) return
      rest('no_connection', said, Math.min(FIRST_REST_MS * 2 ** rests, MAX_REST_MS))
      rests += 1
    },
    limited: (said, ms) => rest('limited', said, ms),
    suspended(said) {
      if (reason !== 'suspended') deps.alert({ relay, kind: 'suspended', reason: said })
      rest('suspended', said, SUSPENSION_MS)
    },
  }
}
