import { sql } from 'kysely'
import type { StsMode, StsPolicy } from '@pigeon/mail/tls-policy/sts-policy.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

/** A policy as it was fetched. */
export interface StoredSts {
  /** Of the TXT record that led to it. */
  readonly id: string
  readonly policy: StsPolicy
  readonly fetchedAt: Date
}

interface Row {
  readonly policy_id: string
  readonly policy_mode: StsMode
  readonly mx: string[]
  readonly max_age_seconds: number
  readonly fetched_at: Date
}

/** The policy of a domain that has not expired. */
export async function findSts(
  db: Db,
  mode: SendingMode,
  domain: string,
  now: Date,
): Promise<StoredSts | undefined> {
  const found = await sql<Row>`
    select policy_id, policy_mode, mx, max_age_seconds, fetched_at from mta_sts_policies
     where mode = ${mode} and domain = ${domain} and expires_at > ${now}`.execute(db)
  const [row] = found.rows
  if (row === undefined) return undefined
  const policy = { mode: row.policy_mode, mx: row.mx, maxAgeSeconds: row.max_age_seconds }
  return { id: row.policy_id, policy, fetchedAt: row.fetched_at }
}

/** Stores what was fetched, unless another process fetched it later. */
export async function saveSts(db: Db, mode: SendingMode, domain: string, stored: StoredSts): Promise<void> {
  const { id, policy, fetchedAt } = stored
  const expiresAt = new Date(fetchedAt.getTime() + policy.maxAgeSeconds * 1000)
  await sql`
    insert into mta_sts_policies (mode, domain, policy_id, policy_mode, mx, max_age_seconds, fetched_at, expires_at)
    values (${mode}::sending_mode, ${domain}, ${id}, ${policy.mode}, ${[...policy.mx]}::text[], ${policy.maxAgeSeconds}, ${fetchedAt}, ${expiresAt})
    on conflict (mode, domain) do update
      set policy_id = excluded.policy_id, policy_mode = excluded.policy_mode, mx = excluded.mx,
          max_age_seconds = excluded.max_age_seconds, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
    where mta_sts_policies.fetched_at <= excluded.fetched_at`.execute(db)
}

/** Returns how many there were. */
export async function deleteExpiredSts(db: Db, now: Date): Promise<number> {
  const deleted = await sql`delete from mta_sts_policies where expires_at <= ${now}`.execute(db)
  return Number(deleted.numAffectedRows ?? 0n)
}
