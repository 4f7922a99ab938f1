import { sql } from 'kysely'
import type { SendingMode } from '#events/email-events.ts'
import type { Db } from '#platform/postgres/database.ts'

export const TLS_REPORT_STATES = ['waiting', 'sent', 'failed', 'unwanted'] as const

export interface TlsReportRow {
  readonly mode: SendingMode
  /** `2026-02-01`, in UTC. */
  readonly day: string
  readonly domain: string
  readonly report_id: string
  readonly state: (typeof TLS_REPORT_STATES)[number]
  readonly destinations: readonly string[]
  readonly sent_to: string | null
  readonly attempts: number
  readonly error: string | null
  readonly next_attempt_at: Date | null
  readonly created_at: Date
}

export interface TlsReportFilter {
  readonly state: TlsReportRow['state'] | null
  readonly domain: string | null
}

/** Newest day first, from after that day, domain and mode. */
export async function selectTlsReports(
  db: Db,
  filter: TlsReportFilter,
  page: { readonly after: readonly string[] | null; readonly rows: number },
): Promise<TlsReportRow[]> {
  const [day = null, domain = null, mode = null] = page.after ?? []
  const { rows } = await sql<TlsReportRow>`
    select mode, day::text as day, domain, report_id, state, destinations, sent_to, attempts, error,
           case state when 'waiting' then next_at end as next_attempt_at, created_at
      from tls_reports
     where (${day}::date is null or (day, domain, mode) < (${day}::date, ${domain}::text, ${mode}::sending_mode))
       and (${filter.state}::text is null or state = ${filter.state})
       and (${filter.domain}::text is null or domain = ${filter.domain})
     order by day desc, domain desc, mode desc limit ${page.rows}`.execute(db)
  return rows
}
