import { EMAIL_SEND, type SendBatch, type SendingMode, type SendJob } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { isSendingStopped } from '#system/sending-switch.ts'
import {
  addClaims,
  claimDue,
  lockCredits,
  type ClaimedRow,
  type Credit,
  type Lifetimes,
  type Want,
} from './dispatch.store.ts'

export interface ClaimDeps {
  readonly db: Database
  readonly stream: Stream
  readonly clock: Clock
}

/** A campaign whose messages may be claimed. */
export interface SendQueue {
  readonly id: string
  readonly tenantId: string
  readonly messageClass: 'bulk' | 'transactional'
  readonly mode: SendingMode
}

/** Deliveries that one transaction claims at most for a destination. Measured: 500 at a time is 70k rows/s, 100 at a time half of it. */
export const CLAIM_BATCH = 500
/** Transactional messages that may be claimed for a destination although bulk mail has used up its credits. */
export const TRANSACTIONAL_RESERVE = 100
/** Looks into queues in one claim: each is a step of an index. */
const MAX_WANTS = 2_000

/**
 * What to ask for: in each destination transactional queues first, then equal shares for the tenants that have bulk mail, so
 * that neither a large campaign nor many of them starve somebody else's. Queues in front have the remainders.
 */
export function shareCredits(
  queues: readonly SendQueue[],
  credits: readonly Credit[],
  batch = CLAIM_BATCH,
): Want[] {
  const wants: Want[] = []
  for (const { destination, mode, credits: available } of credits) {
    if (wants.length >= MAX_WANTS) break
    const mine = queues.filter((queue) => queue.mode === mode)
    const urgent = mine.filter((queue) => queue.messageClass === 'transactional')
    const bulk = mine.filter((queue) => queue.messageClass === 'bulk')
    const shares = [
      ...share(urgent, Math.min(available + TRANSACTIONAL_RESERVE, batch)),
      ...share(bulk, Math.min(available, batch)),
    ]
    for (const { queue, limit } of shares) wants.push({ queueId: queue.id, destination, limit })
  }
  return wants
}

/** Each tenant gets as much as another, whatever the number of its queues; what cannot be divided goes to the first. */
function share(queues: readonly SendQueue[], available: number): { queue: SendQueue; limit: number }[] {
  const tenants = [...Map.groupBy(queues, (queue) => queue.tenantId).values()]
  const shares: { queue: SendQueue; limit: number }[] = []
  let left = available
  for (const [n, own] of tenants.entries()) {
    let tenantLeft = Math.min(left, Math.max(1, Math.floor(left / (tenants.length - n))))
    for (const [m, queue] of own.entries()) {
      const limit = Math.min(tenantLeft, Math.max(1, Math.floor(tenantLeft / (own.length - m))))
      if (limit <= 0) break
      shares.push({ queue, limit })
      tenantLeft -= limit
      left -= limit
    }
  }
  return shares
}

/** Another one is the first each time: when there are fewer credits than queues, none waits for ever. */
export function inTurns<T>(all: readonly T[], turn: number): T[] {
  const first = all.length === 0 ? 0 : turn % all.length
  return [...all.slice(first), ...all.slice(0, first)]
}

/**
 * Claims what is due for the queues, within the credits of the destinations, and hands it to delivery: claim, credits and
 * stream record are one transaction. Nothing is while all sending is stopped. Returns the number of messages claimed.
 */
export async function claimAndAppend(
  deps: ClaimDeps,
  queues: readonly SendQueue[],
  lifetimes: Lifetimes,
  turn = 0,
): Promise<number> {
  if (queues.length === 0) return 0
  const reserve = queues.some((queue) => queue.messageClass === 'transactional') ? TRANSACTIONAL_RESERVE : 0
  return deps.db.transaction().execute(async (transaction) => {
    if (await isSendingStopped(transaction)) return 0
    const now = deps.clock.now()
    const credits = inTurns(await lockCredits(transaction, now, reserve), turn)
    if (credits.length === 0) return 0
    const rows = await claimDue(transaction, shareCredits(queues, credits), now, lifetimes)
    if (rows.length === 0) return 0
    const epochs = new Map(credits.map((each) => [each.shard, each.epoch]))
    const claimed = Map.groupBy(rows, (row) => row.destination)
    await addClaims(
      transaction,
      [...claimed].map(([destination, own]) => ({
        destination,
        epoch: epochs.get(own[0]?.shard ?? -1) ?? 0,
        count: own.length,
      })),
    )
    const records = batchesByShard(rows, epochs, now).map((batch) => ({
      partition: batch.shard,
      key: String(batch.shard),
      payload: batch,
    }))
    await deps.stream.append(EMAIL_SEND, records, transaction)
    return rows.length
  })
}

/** At most `CLAIM_BATCH` jobs a record. */
function batchesByShard(
  rows: readonly ClaimedRow[],
  epochs: ReadonlyMap<number, number>,
  now: Date,
): SendBatch[] {
  return [...Map.groupBy(rows, (row) => row.shard)].flatMap(([shard, claimed]) =>
    Array.from({ length: Math.ceil(claimed.length / CLAIM_BATCH) }, (_, n) => ({
      shard,
      epoch: epochs.get(shard) ?? 0,
      jobs: claimed.slice(n * CLAIM_BATCH, (n + 1) * CLAIM_BATCH).map((row) => jobOf(row, now)),
    })),
  )
}

function jobOf(row: ClaimedRow, now: Date): SendJob {
  return {
    messageId: row.message_id,
    tenantId: row.tenant_id,
    campaignId: row.queue_id,
    contactId: row.contact_id,
    recipient: row.recipient,
    firstName: row.first_name,
    lastName: row.last_name,
    attributes: row.attributes ?? {},
    mode: row.mode,
    domain: row.domain,
    provider: row.provider ?? row.domain,
    destination: row.destination,
    attempt: row.attempt,
    lastSource: row.last_source,
    lastClass: row.last_class,
    lastReply: row.last_reply,
    claimedAt: now.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  }
}
