import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db, Transaction } from '#platform/postgres/database.ts'

export interface Destination {
  readonly id: number
  readonly shard: number
  /** No lane of it may send for a while. */
  readonly stopped: boolean
}

/** Where mail for a provider is counted; undefined while nothing has gone there. */
export async function findDestination(
  db: Db,
  mode: SendingMode,
  provider: string,
): Promise<Destination | undefined> {
  const found = await sql<Destination>`
    select id, shard, stopped from destinations where mode = ${mode} and provider = ${provider}`.execute(db)
  return found.rows[0]
}

/** More than so many of a campaign are not counted: the answer is a guess anyhow. */
const MAX_COUNTED = 100_000

/** Deliveries of the tenant's campaigns under way that are due at a destination, by the index that claims use. */
export async function countWaiting(
  transaction: Transaction,
  destination: number,
  now: Date,
): Promise<number> {
  const found = await sql<{ waiting: number }>`
    select coalesce(sum(w.n), 0)::int as waiting
      from campaigns c cross join lateral (
        select count(*) as n from (
          select from deliveries d
           where d.queue_id = c.id and d.destination = ${destination} and d.claimed_epoch is null and d.due_at <= ${now}
           limit ${MAX_COUNTED}) due) w
     where c.status = 'sending'`.execute(transaction)
  return found.rows[0]?.waiting ?? 0
}

export interface ListScope {
  readonly tenantId: string
  readonly listId: string
  readonly mode: SendingMode
}

/** Contacts of a list that share a provider, or a domain where nobody has looked up the provider yet. */
export interface RecipientCount {
  readonly provider: string | null
  readonly domain: string | null
  readonly recipients: number
  readonly suppressed: number
}

/** Who would get a campaign: subscribed contacts, counted by provider, the largest first. */
export async function countRecipients(
  transaction: Transaction,
  { tenantId, listId, mode }: ListScope,
  now: Date,
): Promise<RecipientCount[]> {
  const found = await sql<RecipientCount>`
    with domains as materialized (
      select split_part(k.email_key, '@', -1) as domain, count(*) filter (where not x.is_suppressed) as recipients,
             count(*) filter (where x.is_suppressed) as suppressed
        from subscriptions s join contacts k on k.id = s.contact_id
       cross join lateral (
         select exists (
           select from suppressions p
            where p.tenant_id = ${tenantId} and p.address_key = k.email_key and (p.list_id is null or p.list_id = ${listId})
              and (p.mode is null or p.mode = ${mode}) and p.held_at is null
              and (p.expires_at is null or p.expires_at > ${now})) as is_suppressed) x
       where s.list_id = ${listId} and s.status = 'subscribed'
       group by 1
    )
    select r.provider, case when r.provider is null then d.domain end as domain, sum(d.recipients)::int as recipients,
           sum(d.suppressed)::int as suppressed
      from domains d left join routes r on r.mode = ${mode} and r.domain = d.domain
     group by 1, 2 order by 3 desc, 2`.execute(transaction)
  return found.rows
}

/** Addresses of those who would get it, with the provider where it is known, at most `limit`. */
export async function listAddresses(
  transaction: Transaction,
  { tenantId, listId, mode }: ListScope,
  now: Date,
  limit: number,
): Promise<{ address: string; provider: string | null }[]> {
  const found = await sql<{ address: string; provider: string | null }>`
    select k.email_key as address, r.provider
      from subscriptions s join contacts k on k.id = s.contact_id
      left join routes r on r.mode = ${mode} and r.domain = split_part(k.email_key, '@', -1)
     where s.list_id = ${listId} and s.status = 'subscribed'
       and not exists (
         select from suppressions p
          where p.tenant_id = ${tenantId} and p.address_key = k.email_key and (p.list_id is null or p.list_id = ${listId})
            and (p.mode is null or p.mode = ${mode}) and p.held_at is null
            and (p.expires_at is null or p.expires_at > ${now}))
     order by s.contact_id limit ${limit}`.execute(transaction)
  return found.rows
}
