import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { selectSwitch, shareSwitch, updateSwitch } from './system.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/**
 * Stops all sending: nothing more is handed to delivery, from the moment this returns, and what it has in hand ends. Lasts
 * over restarts. A second stop changes nothing but the reason.
 */
export async function stopSending(deps: Deps, actor: Actor, reason: string): Promise<void> {
  await setSwitch(deps, actor, 'system.drain', reason)
}

/** Ends a stop; without one nothing changes. */
export async function resumeSending(deps: Deps, actor: Actor): Promise<void> {
  await setSwitch(deps, actor, 'system.resume', null)
}

/** Whether nothing may be claimed. Asked in the transaction of a claim: a stop waits until that has ended. */
export function isSendingStopped(transaction: Transaction): Promise<boolean> {
  return shareSwitch(transaction)
}

async function setSwitch(deps: Deps, actor: Actor, action: string, reason: string | null): Promise<void> {
  await asTenant(deps.db, actor.tenantId, async (transaction) => {
    const now = deps.clock.now()
    const before = await selectSwitch(transaction, { lock: true })
    const after = { stopped_at: reason === null ? null : (before.stopped_at ?? now), reason }
    await updateSwitch(transaction, after)
    await recordAudit(transaction, actor, { action, subject: 'all sending', before, after }, now)
  })
}
