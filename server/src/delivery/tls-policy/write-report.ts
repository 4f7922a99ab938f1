import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import {
  writeTlsReport,
  type ReportedFailure,
  type TlsFailureType,
  type TlsReportInput,
} from '@pigeon/mail/tls-policy/tls-report.ts'
import type { CountedSessions, ReportKey } from './tls-reports.store.ts'

const DAY_MS = 86_400_000
const compress = promisify(gzip)

/** The first and last second of a day in UTC (RFC 8460 4.1). */
export function periodOf(day: string): { readonly start: Date; readonly end: Date } {
  const start = new Date(`${day}T00:00:00Z`)
  return { start, end: new Date(start.getTime() + DAY_MS - 1_000) }
}

/** The report about what was counted, compressed. */
export async function writeReport(
  by: { readonly organization: string; readonly contact: string },
  key: ReportKey & { readonly report_id: string },
  counted: readonly CountedSessions[],
): Promise<Buffer> {
  const text = writeTlsReport({
    ...by,
    ...periodOf(key.day),
    reportId: key.report_id,
    policies: policiesOf(counted),
  })
  return compress(text)
}

function policiesOf(counted: readonly CountedSessions[]): TlsReportInput['policies'] {
  const byPolicy = Map.groupBy(counted, (each) => JSON.stringify(each.policy))
  return [...byPolicy.values()].flatMap((rows) => {
    const [first] = rows
    if (first === undefined) return []
    const successes = rows.filter((row) => row.result === '').reduce((sum, row) => sum + row.sessions, 0)
    return [{ policy: first.policy, successes, failures: rows.flatMap(failureOf) }]
  })
}

function failureOf(row: CountedSessions): ReportedFailure[] {
  if (row.result === '') return []
  return [
    {
      // Only this process's own kind of program writes them.
      type: row.result as TlsFailureType,
      reason: orNothing(row.reason),
      mxHost: orNothing(row.mx_host),
      receivingIp: orNothing(row.receiving_ip),
      sendingIp: orNothing(row.sending_ip),
      sessions: row.sessions,
    },
  ]
}

function orNothing(text: string): string | undefined {
  return text === '' ? undefined : text
}
