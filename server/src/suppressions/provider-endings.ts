import { openProviderAlerts, raiseProviderAlert, resolveProviderAlert } from '#alerts/provider-alerts.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import { isSpike, SPIKE, stepOf, type Endings } from './spike.ts'
import { addEndings, holdRecent, selectEndings, type EndingCount, type ProviderPlace } from './spike.store.ts'
import { announceLifted } from './suppressions.store.ts'

/** Where a message ended: the provider, and the mode of the mail. */
export interface Ending {
  readonly mode: SendingMode
  readonly provider: string
}

const ALERT = 'unknown_user_spike'

/**
 * Counts what ended and how many mailboxes were unknown. Returns the providers (`mode/provider`) where that is a spike now: what
 * they have made suppressed in the window is held back, and there is an alert.
 */
export async function countEndings(
  transaction: Transaction,
  endings: readonly Ending[],
  unknown: readonly Ending[],
  now: Date,
): Promise<Set<string>> {
  const counts = new Map<string, EndingCount>()
  const add = ({ mode, provider }: Ending, ended: number, unknownUsers: number): void => {
    const seen = counts.get(placeOf({ mode, provider }))
    counts.set(placeOf({ mode, provider }), {
      mode,
      provider,
      ended: (seen?.ended ?? 0) + ended,
      unknownUsers: (seen?.unknownUsers ?? 0) + unknownUsers,
    })
  }
  for (const ending of endings) add(ending, 1, 0)
  for (const ending of unknown) add(ending, 0, 1)
  if (counts.size === 0) return new Set()
  await addEndings(transaction, [...counts.values()], stepOf(now))
  const touched = [...counts.values()].filter((count) => count.unknownUsers > 0)
  if (touched.length === 0) return new Set()
  const spikes = (await selectEndings(transaction, touched, now)).filter(isSpike)
  if (spikes.length > 0) await holdBack(transaction, spikes, now)
  return new Set(spikes.map(placeOf))
}

async function holdBack(
  transaction: Transaction,
  spikes: readonly (ProviderPlace & Endings)[],
  now: Date,
): Promise<void> {
  const held = await holdRecent(transaction, spikes, new Date(now.getTime() - SPIKE.windowMs), now)
  await announceLifted(
    transaction,
    held.map((row) => ({
      tenantId: row.tenant_id,
      addressKey: row.address_key,
      listId: null,
      mode: row.mode,
    })),
  )
  for (const { mode, provider, ended, unknownUsers } of spikes) {
    const text = `${provider} says of ${unknownUsers} recipients in half an hour that they do not exist, and ${ended} messages ended there: more than is usual. It may be its fault, so their suppressions are held back.`
    await raiseProviderAlert(transaction, { kind: ALERT, mode, provider, text }, now)
  }
}

/** Ends the alerts of spikes that are over. */
export async function endSpikes(db: Db, now: Date): Promise<void> {
  const open = await openProviderAlerts(db, ALERT)
  if (open.length === 0) return
  for (const place of await selectEndings(db, open, now)) {
    const { mode, provider } = place
    if (!isSpike(place)) await resolveProviderAlert(db, { kind: ALERT, mode, provider }, now)
  }
}

function placeOf(place: ProviderPlace): string {
  return `${place.mode}/${place.provider}`
}
