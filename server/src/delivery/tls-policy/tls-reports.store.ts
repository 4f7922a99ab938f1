import { sql } from 'kysely'
import type { ReportedPolicy } from '@pigeon/mail/tls-policy/tls-report.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

/** Which report: there is one for each domain and day. */
export interface ReportKey {
  readonly mode: SendingMode
  /** `2026-02-01`, in UTC. */
  readonly day: string
  readonly domain: string
}

export interface DueReport extends ReportKey {
  readonly report_id: string
  /** Of this try: 1 for the first. */
  readonly attempts: number
  /** Written by an earlier try. */
  readonly body: Buffer | null
}

/** Begins the reports of days that were over at `closed`, each to be sent at some moment of `spreadMs` from now. Returns how many. */
export async function beginReports(
  db: Db,
  modes: readonly SendingMode[],
  at: { readonly now: Date; readonly closed: Date; readonly spreadMs: number },
  limit: number,
): Promise<number> {
  const begun = await sql`
    insert into tls_reports (mode, day, domain, state, destinations, next_at, created_at)
    select w.mode, w.day, w.domain, 'waiting', '{}', ${at.now}::timestamptz + random() * ${at.spreadMs} * interval '1 millisecond', ${at.now}
      from (select distinct c.mode, c.day, c.domain from tls_session_counts c
             where c.mode = any(${[...modes]}::sending_mode[]) and c.day < (${at.closed}::timestamptz at time zone 'UTC')::date
               and not exists (select from tls_reports r where (r.mode, r.day, r.domain) = (c.mode, c.day, c.domain))
             limit ${limit}) w
    on conflict do nothing`.execute(db)
  return Number(begun.numAffectedRows ?? 0n)
}

/** Takes reports that are due; nobody else gets them before `until`. */
export async function takeDueReports(
  db: Db,
  modes: readonly SendingMode[],
  at: { readonly now: Date; readonly until: Date },
  limit: number,
): Promise<DueReport[]> {
  const taken = await sql<DueReport>`
    update tls_reports r set next_at = ${at.until}, attempts = attempts + 1
      from (select mode, day, domain from tls_reports
             where state = 'waiting' and next_at <= ${at.now} and mode = any(${[...modes]}::sending_mode[])
             order by next_at limit ${limit} for update skip locked) due
     where (r.mode, r.day, r.domain) = (due.mode, due.day, due.domain)
    returning r.mode, r.day::text as day, r.domain, r.report_id, r.attempts, r.body`.execute(db)
  return taken.rows
}

export interface CountedSessions {
  readonly policy: ReportedPolicy
  readonly result: string
  readonly reason: string
  readonly mx_host: string
  readonly receiving_ip: string
  readonly sending_ip: string
  readonly sessions: number
}

/** What was counted for a domain on a day: successes first, then the most frequent failures. */
export async function findSessions(db: Db, key: ReportKey, limit: number): Promise<CountedSessions[]> {
  const found = await sql<CountedSessions>`
    select policy, result, reason, mx_host, receiving_ip, sending_ip, sessions::float8 as sessions from tls_session_counts
     where mode = ${key.mode} and day = ${key.day}::date and domain = ${key.domain}
     order by result <> '', sessions desc, policy_hash, result, reason, mx_host, receiving_ip, sending_ip limit ${limit}`.execute(
    db,
  )
  return found.rows
}

/** Keeps a report as it was written, and where it is to go. */
export async function saveReport(
  db: Db,
  key: ReportKey,
  body: Buffer,
  destinations: readonly string[],
): Promise<void> {
  await sql`
    update tls_reports set body = ${body}, destinations = ${[...destinations]}::text[]
     where mode = ${key.mode} and day = ${key.day}::date and domain = ${key.domain}`.execute(db)
}

/** How a try ended. `nextAt`: when a waiting report is tried again. */
export interface ReportEnd {
  readonly state: 'waiting' | 'sent' | 'failed' | 'unwanted'
  readonly sentTo?: string
  readonly error?: string
  readonly nextAt?: Date
}

/** A report that is not tried again has no more use for what was counted: that goes. */
export async function endReport(db: Db, key: ReportKey, end: ReportEnd): Promise<void> {
  await sql`
    with counted as (
      delete from tls_session_counts
       where ${end.state} <> 'waiting' and mode = ${key.mode} and day = ${key.day}::date and domain = ${key.domain}
    )
    update tls_reports set state = ${end.state}, sent_to = ${end.sentTo ?? null}, error = ${end.error ?? null},
           next_at = coalesce(${end.nextAt ?? null}::timestamptz, next_at)
     where mode = ${key.mode} and day = ${key.day}::date and domain = ${key.domain}`.execute(db)
}

/** Counts and marks of days before `countsBefore`, and reports made before `reportsBefore`. */
export async function deleteOldReports(
  db: Db,
  at: { readonly countsBefore: Date; readonly reportsBefore: Date },
): Promise<void> {
  await sql`delete from tls_session_counts where day < (${at.countsBefore}::timestamptz at time zone 'UTC')::date`.execute(
    db,
  )
  await sql`
    delete from tls_reports where created_at < ${at.reportsBefore}
       or (state = 'unwanted' and day < (${at.countsBefore}::timestamptz at time zone 'UTC')::date)`.execute(
    db,
  )
}
