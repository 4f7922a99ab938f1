import { WEBHOOKS } from '#events/email-events.ts'
import type { WebhooksPayload } from '#events/webhook-events.ts'
import type { Database } from '#platform/postgres/database.ts'
import { consumeTransactionally } from '#platform/stream/consume.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { createDeliverer, type DeliverDeps } from './deliver-webhooks.ts'
import { deleteLeftBehind, deleteOldDeliveries } from './hooks.store.ts'
import { recordDeliveries } from './record-deliveries.ts'

export interface HooksDeps extends DeliverDeps {
  readonly db: Database
  readonly stream: Stream
  /** How long deliveries are kept. Milliseconds. */
  readonly keptMs: number
}

/** Each holds up to 500 events. */
const MAX_RECORDS = 4
const REST_MS = 50
/** How often it is looked for what has become due. */
const POLL_MS = 500
const FAILURE_MS = 2_000
const FORGET_MS = 60_000
const FORGET_ROWS = 5_000

/** The work of the role `hooks`: events become deliveries, deliveries are made, old ones are forgotten. Until `signal` aborts. */
export async function runHooks(deps: HooksDeps, signal: AbortSignal): Promise<void> {
  const deliverer = createDeliverer(deps)
  await Promise.all([
    consume(deps, signal),
    repeat(deps, signal, POLL_MS, () => deliverer.poll()),
    repeat(deps, signal, FORGET_MS, () => forgetDeliveries(deps, signal)),
  ])
  await deliverer.stop()
}

async function consume(deps: HooksDeps, signal: AbortSignal): Promise<void> {
  await consumeTransactionally({
    ...deps,
    topic: WEBHOOKS,
    group: 'hooks',
    maxRecords: MAX_RECORDS,
    restMs: REST_MS,
    signal,
    handle: async (records, transaction) => {
      // Its writers are ours, and its payloads are of this type.
      const events = records.flatMap((record) => (record.payload as WebhooksPayload).events)
      await recordDeliveries(deps, events, transaction)
    },
  })
}

/** Deletes in chunks what is older than it is kept, and what deleted webhooks have left. */
export async function forgetDeliveries(
  deps: Pick<HooksDeps, 'db' | 'clock' | 'keptMs'>,
  signal: AbortSignal,
): Promise<void> {
  const before = new Date(deps.clock.now().getTime() - deps.keptMs)
  while (!signal.aborted && (await deleteOldDeliveries(deps.db, before, FORGET_ROWS)) > 0);
  while (!signal.aborted && (await deleteLeftBehind(deps.db, FORGET_ROWS)) > 0);
}

async function repeat(
  deps: HooksDeps,
  signal: AbortSignal,
  restMs: number,
  step: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    let waitMs = restMs
    try {
      await step()
    } catch (error) {
      deps.log.error({ err: error }, 'A step of webhooks failed and is tried again.')
      waitMs = FAILURE_MS
    }
    await deps.clock.sleep(waitMs, signal)
  }
}
