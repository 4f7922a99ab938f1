import { recordAudit, type Actor } from '#audit/record-audit.ts'
import { findCampaign, type Campaign } from '#campaigns/get-campaign.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { countWaiting, NOTHING_WAITS } from './count-waiting.ts'
import { COUNTED_AT_MOST, countOf, type Count } from './count.ts'
import { findDestination } from './find-destination.ts'
import {
  countOfCampaign,
  insertOrder,
  selectQueueOrder,
  type NewOrder,
  type QueueOrder,
} from './orders.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/** What an order is about: a provider in one mode, a campaign of the tenant, or what is of both. */
export interface QueueTarget {
  readonly mode?: SendingMode
  readonly provider?: string
  readonly campaign_id?: string
}

/** Everything that waits for its next try is tried now; what has ended is not. dispatch carries the order out. */
export async function flushQueue(deps: Deps, actor: Actor, target: QueueTarget): Promise<QueueOrder> {
  const campaign = await campaignOf(deps, actor.tenantId, target)
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const { part } = await partOf(transaction, target, campaign)
    return giveOrder(deps, transaction, actor, { action: 'flush', ...part })
  })
}

/**
 * What failed or bounced of a campaign waits again and is tried now, of every provider or of one, where the class of its end
 * may have passed (`requeueMessages`). Problems `queue.campaign_cancelled`, `queue.campaign_not_begun` and those of a target.
 */
export async function retryQueue(
  deps: Deps,
  actor: Actor,
  target: QueueTarget & { readonly campaign_id: string },
): Promise<QueueOrder> {
  const campaign = await campaignOf(deps, actor.tenantId, target)
  if (campaign?.status === 'cancelled')
    throw new Problem(
      'conflict',
      'queue.campaign_cancelled',
      'The campaign was cancelled: nothing of it is sent any more.',
    )
  if (campaign?.status === 'draft' || campaign?.status === 'scheduled')
    throw new Problem(
      'conflict',
      'queue.campaign_not_begun',
      'The campaign has not begun: nothing has ended.',
    )
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const { part } = await partOf(transaction, target, campaign)
    return giveOrder(deps, transaction, actor, { action: 'retry', ...part })
  })
}

export interface Purge {
  /** As it was when it was asked. */
  readonly waiting: Count
  /** What `confirm` must be. */
  readonly confirm: string
  /** Null: nothing was done. */
  readonly order: QueueOrder | null
}

/**
 * Cancels what waits, for good; what is in hand ends by itself. Without `confirm` nothing is done but to count: it must be
 * what this says, the name of the campaign or else of the provider. Problem `queue.not_confirmed`.
 */
export async function purgeQueue(
  deps: Deps,
  actor: Actor,
  { confirm, ...target }: QueueTarget & { readonly confirm?: string },
): Promise<Purge> {
  const campaign = await campaignOf(deps, actor.tenantId, target)
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const { part, name } = await partOf(transaction, target, campaign)
    const waiting = await countPart(deps, transaction, part)
    if (confirm === undefined) return { waiting, confirm: name, order: null }
    if (confirm !== name)
      throw new Problem(
        'conflict',
        'queue.not_confirmed',
        `To cancel what waits, confirm must be ${JSON.stringify(name)}. Nothing was done.`,
      )
    const order = await giveOrder(deps, transaction, actor, { action: 'purge', ...part })
    return { waiting, confirm: name, order }
  })
}

/** Orders that what waits for a destination is due, in this transaction: for operations that open it again. */
export async function flushDestination(
  transaction: Transaction,
  tenantId: string,
  destination: { readonly id: number; readonly mode: SendingMode; readonly provider: string },
  at: Date,
): Promise<void> {
  const { id, mode, provider } = destination
  await insertOrder(
    transaction,
    tenantId,
    { action: 'flush', mode, provider, destination: id, campaign_id: null },
    at,
  )
}

/** An order of the tenant, to see how far it is. Problem `queue.no_such_order`. */
export async function getQueueOrder(deps: Deps, tenantId: string, id: string): Promise<QueueOrder> {
  const order = await asTenant(deps.db, tenantId, (transaction) => selectQueueOrder(transaction, id))
  if (order !== undefined) return order
  throw new Problem('not_found', 'queue.no_such_order', 'There is no such order, or it was done long ago.')
}

async function giveOrder(
  deps: Deps,
  transaction: Transaction,
  actor: Actor,
  order: NewOrder,
): Promise<QueueOrder> {
  const now = deps.clock.now()
  const made = await insertOrder(transaction, actor.tenantId, order, now)
  const { action, mode, provider, campaign_id: campaign } = made
  const about = [
    ...(provider === null ? [] : [`${mode}/${provider}`]),
    ...(campaign === null ? [] : [`campaign ${campaign}`]),
  ]
  const entry = {
    action: `queue.${action}`,
    subject: about.join(' of '),
    before: null,
    after: { order: made.id },
  }
  await recordAudit(transaction, actor, entry, now)
  return made
}

/** Problems `queue.no_target`, and those of the campaign. */
async function campaignOf(
  deps: Deps,
  tenantId: string,
  { mode, provider, campaign_id }: QueueTarget,
): Promise<Campaign | undefined> {
  if ((mode === undefined) !== (provider === undefined) || (provider ?? campaign_id) === undefined)
    throw new Problem(
      'invalid',
      'queue.no_target',
      'Say a provider with its mode, a campaign_id, or all of them.',
    )
  return campaign_id === undefined ? undefined : findCampaign(deps, tenantId, campaign_id)
}

/** Problem `queue.no_such_provider`. */
async function partOf(
  transaction: Transaction,
  { mode, provider }: QueueTarget,
  campaign: Pick<Campaign, 'id' | 'name'> | undefined,
): Promise<{ part: Omit<NewOrder, 'action'>; name: string }> {
  const campaign_id = campaign?.id ?? null
  if (mode === undefined || provider === undefined)
    return {
      part: { mode: null, provider: null, destination: null, campaign_id },
      name: campaign?.name ?? '',
    }
  const destination = await findDestination(transaction, mode, provider)
  if (destination === undefined)
    throw new Problem(
      'not_found',
      'queue.no_such_provider',
      `Nothing has been sent to a provider ${provider} in mode ${mode}. GET /v1/queue shows how providers are called.`,
    )
  return { part: { mode, provider, destination, campaign_id }, name: campaign?.name ?? provider }
}

async function countPart(
  deps: Deps,
  transaction: Transaction,
  { destination, campaign_id }: Omit<NewOrder, 'action'>,
): Promise<Count> {
  if (campaign_id !== null)
    return countOf(await countOfCampaign(transaction, campaign_id, destination, COUNTED_AT_MOST))
  const waiting = await countWaiting({ db: transaction, clock: deps.clock }, [destination ?? 0])
  return (waiting.get(destination ?? 0) ?? NOTHING_WAITS).waiting
}
