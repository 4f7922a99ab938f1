import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import {
  insertTest,
  replayMany,
  replayOne,
  type Delivery,
  type DeliveryKey,
  type ReplayRange,
} from './deliveries.store.ts'
import { deliveryNotFound, findWebhook } from './read-webhooks.ts'
import { payloadOf } from './record-deliveries.ts'
import { WEBHOOK_LIMITS, type Webhook } from './webhook.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/**
 * Delivers again, with the same id, so that a receiver that has it knows it. What is about the same thing and waits comes
 * after it. Problems `webhooks.not_found`, `webhooks.delivery_not_found`, `webhooks.disabled`.
 */
export async function replayDelivery(deps: Deps, actor: Actor, key: DeliveryKey): Promise<Delivery> {
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const webhook = await enabledWebhook(transaction, key.webhookId)
    const now = deps.clock.now()
    const delivery = await replayOne(transaction, key, now)
    if (delivery === undefined) throw deliveryNotFound()
    await auditReplay(transaction, actor, webhook, { delivery_id: key.id }, now)
    return delivery
  })
}

/** The same for a range, or for everything that has failed: the oldest first, so many in one call. Problems as above. */
export async function replayDeliveries(
  deps: Deps,
  actor: Actor,
  webhookId: string,
  range: ReplayRange,
): Promise<{ readonly replayed: number; readonly has_more: boolean }> {
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const webhook = await enabledWebhook(transaction, webhookId)
    const now = deps.clock.now()
    const replayed = await replayMany(transaction, webhookId, range, WEBHOOK_LIMITS.replayed, now)
    await auditReplay(transaction, actor, webhook, { ...range, replayed }, now)
    return { replayed, has_more: replayed === WEBHOOK_LIMITS.replayed }
  })
}

/** Sends an event `webhook.test`, and says by which delivery. Problems `webhooks.not_found`, `webhooks.disabled`. */
export async function testWebhook(deps: Deps, actor: Actor, webhookId: string): Promise<Delivery> {
  const { tenantId } = actor
  return asTenant(deps.db, tenantId, async (transaction) => {
    await enabledWebhook(transaction, webhookId)
    const now = deps.clock.now()
    const payload = payloadOf({
      event: 'webhook.test',
      at: now.toISOString(),
      data: { webhook_id: webhookId },
    })
    return insertTest(transaction, { id: uuidv7(now.getTime()), tenantId, webhookId, payload }, now)
  })
}

async function enabledWebhook(transaction: Transaction, id: string): Promise<Webhook> {
  const webhook = await findWebhook(transaction, id)
  if (webhook.enabled) return webhook
  const message = 'This webhook is disabled. Enable it first: PUT /v1/webhooks/{id} with "enabled": true.'
  throw new Problem('conflict', 'webhooks.disabled', message)
}

async function auditReplay(
  transaction: Transaction,
  actor: Actor,
  { url }: Webhook,
  after: object,
  at: Date,
): Promise<void> {
  const change = { action: 'webhooks.replay', subject: `webhook ${url}`, before: null, after }
  await recordAudit(transaction, actor, change, at)
}
