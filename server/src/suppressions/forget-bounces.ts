import type { Db } from '#platform/postgres/database.ts'
import { BOUNCE_LIMITS } from './bounce-policy.ts'
import { endSpikes } from './provider-endings.ts'
import { deleteOldEndings, deleteOldHeld } from './spike.store.ts'
import { SPIKE } from './spike.ts'
import { deleteOldStrikes } from './strikes.store.ts'

/** A held suppression that no later message has confirmed or refuted is forgotten after this. */
const HELD_LIFE_MS = 30 * 86_400_000

/** Drops what is too old to count for suppressing anybody, and ends the alerts of spikes that are over. */
export async function forgetBounces(db: Db, now: Date): Promise<void> {
  const before = (ms: number): Date => new Date(now.getTime() - ms)
  await endSpikes(db, now)
  await deleteOldEndings(db, before(SPIKE.usualMs))
  await deleteOldStrikes(db, before(BOUNCE_LIMITS.ambiguousLifeMs))
  await deleteOldHeld(db, before(HELD_LIFE_MS))
}
