import { afterId, rowsToRead, toPage, type PageOf, type PageRequest } from '#http/paging.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import {
  selectAttempts,
  selectDeliveries,
  selectDelivery,
  type Attempt,
  type Delivery,
  type DeliveryFilter,
  type DeliveryKey,
} from './deliveries.store.ts'
import { webhookNotFound, type Webhook } from './webhook.ts'
import { selectWebhook, selectWebhooks } from './webhooks.store.ts'

interface Deps {
  readonly db: Database
}

export async function listWebhooks(
  deps: Deps,
  tenantId: string,
  page: PageRequest,
): Promise<PageOf<Webhook>> {
  const rows = await asTenant(deps.db, tenantId, (transaction) =>
    selectWebhooks(transaction, { after: afterId(page), rows: rowsToRead(page) }),
  )
  return toPage(rows, page)
}

/** Problem `webhooks.not_found`. */
export async function getWebhook(deps: Deps, tenantId: string, id: string): Promise<Webhook> {
  return asTenant(deps.db, tenantId, (transaction) => findWebhook(transaction, id))
}

/** Of the transaction's tenant. Problem `webhooks.not_found`. */
export async function findWebhook(transaction: Transaction, id: string): Promise<Webhook> {
  const webhook = await selectWebhook(transaction, id)
  if (webhook === undefined) throw webhookNotFound()
  return webhook
}

/** What it was told, newest first. Problem `webhooks.not_found`. */
export async function listDeliveries(
  deps: Deps,
  tenantId: string,
  webhookId: string,
  query: DeliveryFilter & PageRequest,
): Promise<PageOf<Delivery>> {
  const rows = await asTenant(deps.db, tenantId, async (transaction) => {
    await findWebhook(transaction, webhookId)
    return selectDeliveries(transaction, webhookId, query, { after: afterId(query), rows: rowsToRead(query) })
  })
  return toPage(rows, query)
}

/** A delivery with the request that is made of it, and everything that was answered. */
export interface DeliveryDetail extends Delivery {
  readonly request: { readonly url: string; readonly body: string }
  readonly log: readonly Attempt[]
}

/** Problem `webhooks.delivery_not_found`. */
export async function getDelivery(deps: Deps, tenantId: string, key: DeliveryKey): Promise<DeliveryDetail> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const { url } = await findWebhook(transaction, key.webhookId)
    const found = await selectDelivery(transaction, key)
    if (found === undefined) throw deliveryNotFound()
    const { payload, ...delivery } = found
    return { ...delivery, request: { url, body: payload }, log: await selectAttempts(transaction, key.id) }
  })
}

export function deliveryNotFound(): Problem {
  const message = 'There is no such delivery of this webhook, or it is no longer kept.'
  return new Problem('not_found', 'webhooks.delivery_not_found', message)
}
