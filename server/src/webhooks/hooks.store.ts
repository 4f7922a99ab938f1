import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'

/** The part of the store that the role `hooks` uses: it sees all tenants. */

export interface NewDelivery {
  readonly id: string
  readonly tenantId: string
  readonly webhookId: string
  readonly event: string
  readonly subjectId: string
  readonly payload: string
}

/** In their order. Each is due at once. */
export async function insertDeliveries(
  db: Transaction,
  rows: readonly NewDelivery[],
  at: Date,
): Promise<void> {
  const column = (pick: (row: NewDelivery) => string): string[] => rows.map(pick)
  await sql`
    insert into webhook_deliveries (id, tenant_id, webhook_id, event, subject_id, payload, due_at, created_at)
    select id, tenant_id, webhook_id, event, subject_id, payload, ${at}, ${at}
      from unnest(${column((row) => row.id)}::uuid[], ${column((row) => row.tenantId)}::uuid[],
                  ${column((row) => row.webhookId)}::uuid[], ${column((row) => row.event)}::text[],
                  ${column((row) => row.subjectId)}::uuid[], ${column((row) => row.payload)}::text[])
             with ordinality as d (id, tenant_id, webhook_id, event, subject_id, payload, place)
     order by place`.execute(db)
}

/** A webhook that a process delivers to, with what it needs for that. */
export interface LeasedWebhook {
  readonly id: string
  readonly url: string
  readonly secret: Buffer
  readonly previous_secret: Buffer | null
  readonly previous_secret_until: Date | null
  readonly failing_since: Date | null
  readonly updated_at: Date
}

export interface Lease {
  readonly worker: string
  readonly now: Date
  readonly until: Date
}

const LEASED = sql.raw(
  'w.id, w.url, w.secret, w.previous_secret, w.previous_secret_until, w.failing_since, w.updated_at',
)

/** Leases webhooks for which something is due, besides those `atWork`: no two processes deliver to one at a time. */
export async function leaseDue(
  db: Db,
  lease: Lease,
  { atWork, limit }: { readonly atWork: readonly string[]; readonly limit: number },
): Promise<LeasedWebhook[]> {
  const { rows } = await sql<LeasedWebhook>`
    update webhooks w set worker = ${lease.worker}, lease_until = ${lease.until}
     where w.id in (
       select id from webhooks c
        where c.disabled_at is null and c.deleted_at is null and c.id <> all(${[...atWork]}::uuid[])
          and (c.worker = ${lease.worker} or c.lease_until is null or c.lease_until < ${lease.now})
          and exists (select from webhook_deliveries d
                       where d.webhook_id = c.id and d.state = 'pending' and d.due_at <= ${lease.now})
        order by c.lease_until nulls first limit ${limit} for no key update skip locked)
    returning ${LEASED}`.execute(db)
  return rows
}

/** Renews leases. A webhook that was disabled, deleted or taken over is not among what is returned. */
export async function renewLeases(db: Db, lease: Lease, ids: readonly string[]): Promise<LeasedWebhook[]> {
  const { rows } = await sql<LeasedWebhook>`
    update webhooks w set lease_until = ${lease.until}
     where w.id = any(${[...ids]}::uuid[]) and w.worker = ${lease.worker} and w.disabled_at is null and w.deleted_at is null
    returning ${LEASED}`.execute(db)
  return rows
}

/** Another process may deliver to them at once. */
export async function releaseLeases(db: Db, worker: string): Promise<void> {
  await sql`update webhooks set lease_until = null where worker = ${worker} and lease_until is not null`.execute(
    db,
  )
}

export interface DueDelivery {
  readonly id: string
  readonly payload: string
  readonly tries: number
}

/**
 * What may be delivered to a webhook now, the longest due first: of what is about one thing, the oldest that is pending only.
 * What the caller `holds` is left out.
 */
export async function selectDue(
  db: Db,
  webhookId: string,
  now: Date,
  { holds, limit }: { readonly holds: readonly string[]; readonly limit: number },
): Promise<DueDelivery[]> {
  const { rows } = await sql<DueDelivery>`
    select d.id, d.payload, d.tries from webhook_deliveries d
     where d.webhook_id = ${webhookId} and d.state = 'pending' and d.due_at <= ${now} and d.id <> all(${[...holds]}::uuid[])
       and not exists (
         select from webhook_deliveries e
          where e.webhook_id = d.webhook_id and e.subject_id = d.subject_id and e.state = 'pending' and e.seq < d.seq)
     order by d.due_at limit ${limit}`.execute(db)
  return rows
}

/** One attempt, and what follows from it. */
export interface SettledAttempt {
  readonly deliveryId: string
  readonly url: string
  readonly at: Date
  readonly durationMs: number
  readonly status: number | null
  readonly response: string | null
  readonly error: string | null
  readonly state: 'pending' | 'delivered' | 'failed'
  /** When it is tried again, for what is still pending. */
  readonly dueAt: Date | null
}

/** Writes attempts and moves their deliveries, in one statement. One that was settled meanwhile stays as it is. */
export async function settleAttempts(db: Db, settled: readonly SettledAttempt[]): Promise<void> {
  const column = <T>(pick: (one: SettledAttempt) => T): T[] => settled.map(pick)
  await sql`
    with s as materialized (
      select * from unnest(
        ${column((s) => s.deliveryId)}::uuid[], ${column((s) => s.url)}::text[], ${column((s) => s.at)}::timestamptz[],
        ${column((s) => s.durationMs)}::integer[], ${column((s) => s.status)}::smallint[], ${column((s) => s.response)}::text[],
        ${column((s) => s.error)}::text[], ${column((s) => s.state)}::text[], ${column((s) => s.dueAt)}::timestamptz[]
      ) as s(delivery_id, url, at, duration_ms, status, response, error, state, due_at)
    ), moved as (
      update webhook_deliveries d
         set state = s.state::webhook_delivery_state, tries = d.tries + 1, attempts = d.attempts + 1,
             due_at = coalesce(s.due_at, d.due_at), last_status = s.status, last_error = s.error,
             completed_at = case when s.state = 'pending' then null else s.at end
        from s where d.id = s.delivery_id and d.state = 'pending'
      returning d.id, d.tenant_id, d.attempts
    )
    insert into webhook_attempts (delivery_id, number, tenant_id, url, at, duration_ms, status, response, error)
    select m.id, m.attempts, m.tenant_id, s.url, s.at, s.duration_ms, s.status, s.response, s.error
      from moved m join s on s.delivery_id = m.id`.execute(db)
}

/** Notes that every attempt fails, from now on if it was not so before. */
export async function markFailing(db: Db, id: string, at: Date): Promise<void> {
  await sql`update webhooks set failing_since = coalesce(failing_since, ${at}) where id = ${id}`.execute(db)
}

export async function markWorking(db: Db, id: string): Promise<void> {
  await sql`update webhooks set failing_since = null where id = ${id}`.execute(db)
}

/** Ends it, unless somebody has changed it since it was read. True when it was ended. */
export async function disable(
  db: Db,
  webhook: { readonly id: string; readonly updated_at: Date },
  reason: string,
  at: Date,
): Promise<boolean> {
  const done = await sql`
    update webhooks set disabled_at = ${at}, disabled_reason = ${reason}, updated_at = ${at}
     where id = ${webhook.id} and disabled_at is null and updated_at = ${webhook.updated_at}`.execute(db)
  return done.numAffectedRows === 1n
}

/** Deletes some of what is older, with its attempts. Returns how many. */
export async function deleteOldDeliveries(db: Db, before: Date, limit: number): Promise<number> {
  return deleteDeliveries(
    db,
    sql`select id from webhook_deliveries where created_at < ${before} limit ${limit}`,
  )
}

/** Deletes some of what deleted webhooks have left, and those that have left nothing. Returns how many deliveries. */
export async function deleteLeftBehind(db: Db, limit: number): Promise<number> {
  const gone = await deleteDeliveries(
    db,
    sql`select d.id from webhooks w cross join lateral (
          select id from webhook_deliveries where webhook_id = w.id limit ${limit}) d
         where w.deleted_at is not null limit ${limit}`,
  )
  if (gone === 0)
    await sql`
      delete from webhooks w where w.deleted_at is not null
         and not exists (select from webhook_deliveries d where d.webhook_id = w.id)`.execute(db)
  return gone
}

async function deleteDeliveries(db: Db, which: ReturnType<typeof sql>): Promise<number> {
  const gone = await sql<{ id: string }>`
    with gone as (delete from webhook_deliveries where id in (${which}) returning id),
         attempts as (delete from webhook_attempts where delivery_id in (select id from gone))
    select id from gone`.execute(db)
  return gone.rows.length
}
