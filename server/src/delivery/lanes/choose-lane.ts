/** One that can be chosen. `weight` is what it should get of all turns, in relation to the others: more than 0. */
export interface Candidate<T> {
  readonly lane: T
  readonly weight: number
}

/** How far each is behind its share. Those that are no longer candidates keep what they had. */
export type Credits<T> = Map<T, number>

/**
 * Smooth weighted round-robin: each gains its weight, the richest is chosen and pays for all. With weights 5, 1, 1 the
 * order is a a b a c a a, not a a a a a b c, so no source sends in bursts. Undefined when nobody is a candidate.
 */
export function chooseLane<T>(candidates: readonly Candidate<T>[], credits: Credits<T>): T | undefined {
  const [only] = candidates
  if (candidates.length === 1) return only?.lane
  let best: { lane: T; credit: number } | undefined
  let total = 0
  for (const { lane, weight } of candidates) {
    const credit = (credits.get(lane) ?? 0) + weight
    total += weight
    credits.set(lane, credit)
    if (best === undefined || credit > best.credit) best = { lane, credit }
  }
  if (best !== undefined) credits.set(best.lane, best.credit - total)
  return best?.lane
}
