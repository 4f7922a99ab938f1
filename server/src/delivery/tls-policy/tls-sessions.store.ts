import { sql } from 'kysely'
import type { ReportedPolicy } from '@pigeon/mail/tls-policy/tls-report.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

/** Sessions of one day, domain and policy that went the same way. `''` where nothing failed. */
export interface SessionCount {
  readonly mode: SendingMode
  /** `2026-02-01`, in UTC. */
  readonly day: string
  readonly domain: string
  readonly policyHash: string
  readonly result: string
  readonly reason: string
  readonly mxHost: string
  readonly receivingIp: string
  readonly sendingIp: string
  readonly policy: ReportedPolicy
  readonly sessions: number
}

/** Adds to what is counted. The rows must differ in their key, and come in one order, so that no two writers lock each other. */
export async function addSessions(db: Db, counts: readonly SessionCount[]): Promise<void> {
  const column = (pick: (count: SessionCount) => string): string[] => counts.map(pick)
  await sql`
    insert into tls_session_counts as c
      (mode, day, domain, policy_hash, result, reason, mx_host, receiving_ip, sending_ip, policy, sessions)
    select w.mode::sending_mode, w.day::date, w.domain, w.policy_hash, w.result, w.reason, w.mx_host, w.receiving_ip,
           w.sending_ip, w.policy::jsonb, w.sessions
      from unnest(${column((c) => c.mode)}::text[], ${column((c) => c.day)}::text[], ${column((c) => c.domain)}::text[],
                  ${column((c) => c.policyHash)}::text[], ${column((c) => c.result)}::text[], ${column((c) => c.reason)}::text[],
                  ${column((c) => c.mxHost)}::text[], ${column((c) => c.receivingIp)}::text[], ${column((c) => c.sendingIp)}::text[],
                  ${column((c) => JSON.stringify(c.policy))}::text[], ${counts.map((c) => c.sessions)}::bigint[])
           as w(mode, day, domain, policy_hash, result, reason, mx_host, receiving_ip, sending_ip, policy, sessions)
    on conflict (mode, day, domain, policy_hash, result, reason, mx_host, receiving_ip, sending_ip)
      do update set sessions = c.sessions + excluded.sessions`.execute(db)
}
