import { ANALYTICS_EVENTS, ANALYTICS_PARTITION, eventWithoutAttempt } from '#events/email-events.ts'
import { announce } from '#events/outbox.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database, Db, Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { LIMITS } from './campaign.ts'
import {
  cancelChunk,
  completeIfDone,
  findActive,
  findDue,
  markMissed,
  markProblem,
  type ActiveCampaign,
  type QueuePart,
} from './progress.store.ts'
import { startCampaign, type CampaignDeps } from './start-campaign.ts'

export interface ProgressDeps extends CampaignDeps {
  readonly stream: Stream
}

export type { QueuePart } from './progress.store.ts'

/** Cancels up to one chunk of what still waits; returns how many. Those in hand end with their own outcome. */
export async function sweepCancelled(deps: ProgressDeps, campaign: { id: string }): Promise<number> {
  return deps.db
    .transaction()
    .execute((transaction) =>
      cancelWaiting(deps, transaction, { queueIds: [campaign.id], destination: null }),
    )
}

/** The same for any part of what waits, in a transaction of the engine: states, tallies and history move together. */
export async function cancelWaiting(
  deps: Pick<ProgressDeps, 'clock' | 'stream'>,
  transaction: Transaction,
  part: QueuePart,
): Promise<number> {
  const now = deps.clock.now()
  const gone = await cancelChunk(transaction, part, LIMITS.cancelChunk, now)
  if (gone.length === 0) return 0
  const events = gone.map((each) =>
    eventWithoutAttempt(
      'cancelled',
      {
        messageId: each.id,
        tenantId: each.tenant_id,
        campaignId: each.campaign_id,
        contactId: each.contact_id,
        domain: each.domain,
      },
      now,
    ),
  )
  const record = { partition: ANALYTICS_PARTITION.dispatch, key: 'cancelled', payload: { events } }
  await deps.stream.append(ANALYTICS_EVENTS, [record], transaction)
  return gone.length
}

/**
 * Starts the campaigns whose time has come. One that was missed by more than `missedMs` (the platform was down)
 * waits for a person instead, and so does one that can no longer be sent: the campaign says why.
 */
export async function startDueCampaigns(deps: ProgressDeps, missedMs: number): Promise<void> {
  const now = deps.clock.now()
  for (const due of await findDue(deps.db, now)) {
    if (now.getTime() - due.scheduled_at.getTime() > missedMs) {
      await markMissed(deps.db, due.id, now)
      continue
    }
    try {
      await startCampaign(deps, due.tenant_id, due.id)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      await markProblem(deps.db, due.id, error.message, now)
    }
  }
}

/** Campaigns with work left, oldest first. */
export function activeCampaigns(deps: { db: Db }): Promise<ActiveCampaign[]> {
  return findActive(deps.db)
}

/** Ends a campaign whose every message is final, and tells webhooks. False while one is not. */
export async function completeCampaign(
  deps: { db: Database; clock: Clock },
  campaignId: string,
): Promise<boolean> {
  const now = deps.clock.now()
  return deps.db.transaction().execute(async (transaction) => {
    const done = await completeIfDone(transaction, campaignId, now)
    if (done === undefined) return false
    const at = now.toISOString()
    const data = { campaign_id: campaignId, name: done.name, status: done.status, finished_at: at }
    const { tenant_id: tenantId } = done
    await announce(transaction, { tenantId, event: 'campaign.finished', at, subjectId: campaignId, data })
    return true
  })
}
