import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import { ANALYTICS_EVENTS, ANALYTICS_PARTITION, eventWithoutAttempt } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { LIMITS } from './campaign.ts'
import { lockBegun, reopenCampaign, requeueChunk } from './requeue.store.ts'

/**
 * Ends that say nothing against the recipient or the content: time was over, the network or the receiver was not well, or we
 * were not welcome and may have put that right. What is unknown stays ended.
 */
export const REQUEUED_CLASSES: readonly BounceClass[] = [
  'expired',
  'network',
  'system',
  'tls',
  'protocol',
  'mailbox_full',
  'rate_limited',
  'greylisted',
  'blocked',
  'reputation',
  'auth_failure',
  'ptr_missing',
  'relaying_denied',
]

export interface Requeued {
  readonly count: number
  /** From where to go on; null when the whole campaign was looked at. */
  readonly cursor: string | null
}

/**
 * Makes messages of a campaign wait again that failed or bounced for a class of `REQUEUED_CLASSES`, in a transaction of the
 * engine: states, tallies and history move together. One chunk of the campaign is looked at. Each has a whole life again;
 * its attempts go on counting. A campaign that was sent is sending again; one that was cancelled stays as it is.
 */
export async function requeueMessages(
  deps: { readonly clock: Clock; readonly stream: Stream },
  transaction: Transaction,
  part: { readonly campaignId: string; readonly provider: string | null; readonly after: string | null },
): Promise<Requeued> {
  const campaign = await lockBegun(transaction, part.campaignId)
  if (campaign === undefined) return { count: 0, cursor: null }
  const now = deps.clock.now()
  const chunk = { ...part, classes: REQUEUED_CLASSES }
  const { moved, cursor } = await requeueChunk(transaction, chunk, LIMITS.requeueChunk, now)
  if (moved.length === 0) return { count: 0, cursor }
  await reopenCampaign(transaction, part.campaignId, now)
  const events = moved.map(({ id, tenant_id, contact_id, domain, provider, attempts }) => {
    const message = { messageId: id, tenantId: tenant_id, contactId: contact_id, domain }
    return {
      ...eventWithoutAttempt('requeued', { ...message, campaignId: part.campaignId }, now),
      provider,
      attempt: attempts,
    }
  })
  const record = { partition: ANALYTICS_PARTITION.dispatch, key: 'requeued', payload: { events } }
  await deps.stream.append(ANALYTICS_EVENTS, [record], transaction)
  return { count: moved.length, cursor }
}
