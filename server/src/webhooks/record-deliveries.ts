import type { WebhookEvent } from '#events/webhook-events.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { insertDeliveries, type NewDelivery } from './hooks.store.ts'
import { selectListeners, type Listener } from './webhooks.store.ts'

/** Makes a delivery of each event for each webhook that asks for it, in their order. Returns how many. */
export async function recordDeliveries(
  deps: { readonly clock: Clock },
  events: readonly WebhookEvent[],
  transaction: Transaction,
): Promise<number> {
  const tenantIds = [...new Set(events.map((event) => event.tenantId))]
  const listeners = await selectListeners(transaction, tenantIds, { hold: true })
  const now = deps.clock.now()
  const rows = events.flatMap((event) =>
    listeners.filter((listener) => hears(listener, event)).map((listener) => rowOf(event, listener, now)),
  )
  if (rows.length > 0) await insertDeliveries(transaction, rows, now)
  return rows.length
}

function hears(listener: Listener, event: WebhookEvent): boolean {
  return listener.tenant_id === event.tenantId && (listener.events?.includes(event.event) ?? true)
}

function rowOf(event: WebhookEvent, listener: Listener, now: Date): NewDelivery {
  return {
    id: uuidv7(now.getTime()),
    tenantId: event.tenantId,
    webhookId: listener.id,
    event: event.event,
    subjectId: event.subjectId,
    payload: payloadOf(event),
  }
}

/** The body that receivers get. */
export function payloadOf(event: {
  readonly event: string
  readonly at: string
  readonly data: Readonly<Record<string, unknown>>
}): string {
  return JSON.stringify({ event: event.event, timestamp: event.at, data: event.data })
}
