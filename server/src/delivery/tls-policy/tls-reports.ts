import { parseTlsReportRecord, type ReportAddress } from '@pigeon/mail/tls-policy/tls-report.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { DnsClient } from '#delivery/dns-client.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Db } from '#platform/postgres/database.ts'
import { findText } from './find-text.ts'
import {
  beginReports,
  deleteOldReports,
  endReport,
  findSessions,
  saveReport,
  takeDueReports,
  type DueReport,
} from './tls-reports.store.ts'
import { writeReport } from './write-report.ts'

/** A report on its way to one address. */
export interface SendReport {
  readonly mode: SendingMode
  readonly day: string
  readonly domain: string
  readonly reportId: string
  /** JSON, compressed with gzip. */
  readonly body: Buffer
}

/** Hands a report to one address. Resolves with undefined when it was taken, else with why not. */
export type ReportSender = (
  to: ReportAddress,
  report: SendReport,
  signal: AbortSignal,
) => Promise<string | undefined>

export interface TlsReportDeps {
  readonly db: Db
  readonly clock: Clock
  readonly log: Log
  /** Modes that are reported on. */
  readonly modes: readonly SendingMode[]
  readonly dns: Readonly<Record<SendingMode, DnsClient>>
  readonly send: ReportSender
  /** Who reports: a name, and an address for questions. */
  readonly by: { readonly organization: string; readonly contact: string }
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const STEP_MS = MINUTE_MS
/** RFC 8460 4.1: reports leave at a random time of some hours after midnight, so that receivers are not flooded. */
const SPREAD_MS = 4 * HOUR_MS
const BEGIN_AT_ONCE = 1_000
const SEND_AT_ONCE = 50
/** Processes store their last counts of a day some time after it. */
const SETTLE_MS = 10 * MINUTE_MS
/** One report: a look-up and one address after another. */
const DEADLINE_MS = 2 * MINUTE_MS
/** Longer than a try may take: then its process is gone. */
const LEASE_MS = 10 * MINUTE_MS
/** 15, 30, 60 minutes and so on: together about a day (RFC 8460 5.5), then it is given up. */
const FIRST_RETRY_MS = 15 * MINUTE_MS
const MAX_ATTEMPTS = 8
/** Ways to fail in one report; the rest of them is not told. */
const MAX_ROWS = 500
const KEEP_COUNTS_MS = 4 * DAY_MS
const KEEP_REPORTS_MS = 90 * DAY_MS

/** Writes and sends daily TLS reports (RFC 8460), one a domain and day, shared by all processes. Returns when `signal` aborts. */
export async function runTlsReports(deps: TlsReportDeps, signal: AbortSignal): Promise<void> {
  if (deps.modes.length === 0) return
  while (!signal.aborted) {
    try {
      if ((await tlsReportStep(deps)) >= SEND_AT_ONCE) continue
    } catch (error) {
      deps.log.warn({ err: error }, 'TLS reports could not be made; they are tried again.')
    }
    await deps.clock.sleep(STEP_MS, signal)
  }
}

/** Begins what is to be begun and sends what is due. Returns how many were tried. */
export async function tlsReportStep(deps: TlsReportDeps): Promise<number> {
  const now = deps.clock.now()
  const closed = new Date(now.getTime() - SETTLE_MS)
  await beginReports(deps.db, deps.modes, { now, closed, spreadMs: SPREAD_MS }, BEGIN_AT_ONCE)
  const until = new Date(now.getTime() + LEASE_MS)
  const due = await takeDueReports(deps.db, deps.modes, { now, until }, SEND_AT_ONCE)
  await Promise.all(due.map((report) => tryReport(deps, report)))
  return due.length
}

/** Removes reports that nobody looks at any more, and what was counted and never reported. */
export function deleteOldTlsReports(deps: Pick<TlsReportDeps, 'db' | 'clock'>): Promise<void> {
  const now = deps.clock.now().getTime()
  return deleteOldReports(deps.db, {
    countsBefore: new Date(now - KEEP_COUNTS_MS),
    reportsBefore: new Date(now - KEEP_REPORTS_MS),
  })
}

async function tryReport(deps: TlsReportDeps, due: DueReport): Promise<void> {
  const stop = new AbortController()
  const timer = new AbortController()
  void deps.clock.sleep(DEADLINE_MS, timer.signal).then(() => stop.abort(new Error('no answer in time')))
  try {
    await report(deps, due, stop.signal)
  } catch (error) {
    await fail(deps, due, error instanceof Error ? error.message : String(error))
  } finally {
    timer.abort()
  }
}

async function report(deps: TlsReportDeps, due: DueReport, signal: AbortSignal): Promise<void> {
  const text = await findText(deps.dns[due.mode], `_smtp._tls.${due.domain}`, signal)
  if (text.kind === 'failure') return fail(deps, due, `DNS: ${text.reason}`)
  const addresses = parseTlsReportRecord(text.records)
  if (addresses.length === 0) return endReport(deps.db, due, { state: 'unwanted' })
  const body = due.body ?? (await write(deps, due, addresses))
  const errors: string[] = []
  for (const to of addresses) {
    const { mode, day, domain, report_id: reportId } = due
    const error = await deps.send(to, { mode, day, domain, reportId, body }, signal)
    if (error === undefined) return endReport(deps.db, due, { state: 'sent', sentTo: written(to) })
    errors.push(`${written(to)}: ${error}`)
  }
  return fail(deps, due, errors.join('; '))
}

async function write(
  deps: TlsReportDeps,
  due: DueReport,
  addresses: readonly ReportAddress[],
): Promise<Buffer> {
  const body = await writeReport(deps.by, due, await findSessions(deps.db, due, MAX_ROWS))
  await saveReport(deps.db, due, body, addresses.map(written))
  return body
}

async function fail(deps: TlsReportDeps, due: DueReport, error: string): Promise<void> {
  if (due.attempts >= MAX_ATTEMPTS) {
    deps.log.info({ domain: due.domain, day: due.day, error }, 'A TLS report could not be delivered.')
    return endReport(deps.db, due, { state: 'failed', error })
  }
  const waitMs = FIRST_RETRY_MS * 2 ** (due.attempts - 1)
  const nextAt = new Date(deps.clock.now().getTime() + waitMs)
  return endReport(deps.db, due, { state: 'waiting', error, nextAt })
}

function written(to: ReportAddress): string {
  return to.kind === 'mailto' ? `mailto:${to.address}` : to.url
}
