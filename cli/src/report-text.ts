import { take, type Pigeon, type components } from '@pigeon/sdk'
import { number, table, time } from '#output.ts'
import { readUntil } from '#patiently.ts'

export type CampaignReport = components['schemas']['CampaignReport']

const HISTORY_WITHIN_MS = 20_000
const POLL_MS = 500

export async function readReport(pigeon: Pigeon, id: string): Promise<CampaignReport> {
  return take(pigeon.GET('/v1/campaigns/{id}/report', { params: { path: { id } } }))
}

/** The history follows the counts by a moment: waits until every bounce has its reason. */
export async function readWholeReport(pigeon: Pigeon, id: string): Promise<CampaignReport> {
  const isWhole = (report: CampaignReport): boolean => {
    const { bounced, failed } = report.states
    const explained = report.reasons.filter(({ state }) => state !== 'deferred')
    return explained.reduce((sum, { count }) => sum + count, 0) >= bounced + failed
  }
  return readUntil(() => readReport(pigeon, id), isWhole, { everyMs: POLL_MS, withinMs: HISTORY_WITHIN_MS })
}

/** The report of a campaign for people. */
export function reportText(report: CampaignReport): string[] {
  const { states } = report
  const rows: [string, string][] = [
    ['Accepted', number(report.accepted)],
    ['Delivered', number(states.delivered)],
    ...some('Sent on', states.sent),
    ['  of them after a deferral', number(report.deferred_then_delivered)],
    ['Bounced', number(states.bounced)],
    ...some('Failed', states.failed),
    ...some('Suppressed', states.suppressed),
    ...some('Cancelled', states.cancelled),
    ...some('Opened', report.opened_count),
    ...some('  by machines', report.opens.machine_messages),
    ...some('Clicked', report.clicked_count),
    ...some('  by machines', report.clicks.machine_messages),
    ...some('Complained', report.complained_count),
    ...some('Unsubscribed', report.unsubscribed_count),
    ['In flight', number(report.in_flight)],
    ['Seconds', number(report.seconds)],
    ['Messages per second', number(report.messages_per_second)],
    ['Ledger', report.balanced ? 'balanced: accepted = final + in flight' : 'NOT BALANCED'],
  ]
  return [
    `Campaign ${report.campaign_id}: ${report.status}`,
    `From ${time(report.started_at)} to ${time(report.completed_at ?? report.last_delivery_at)}`,
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(28)}${value}`),
    ...section('Providers', providerLines(report)),
    ...section('Why messages did not arrive', reasonLines(report, ['bounced', 'failed'])),
    ...section('Why messages had to wait', reasonLines(report, ['deferred'])),
  ]
}

function some(name: string, count: number): [string, string][] {
  return count === 0 ? [] : [[name, number(count)]]
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
}

function providerLines(report: CampaignReport): string[] {
  if (report.providers.length === 0) return []
  const columns = ['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled'] as const
  const used = columns.filter((state) => report.providers.some((row) => row[state] > 0))
  const rows = report.providers
    .toSorted((a, b) => b.delivered - a.delivered)
    .map((row) => [
      row.provider === '' ? '(not sent)' : row.provider,
      ...used.map((state) => number(row[state])),
    ])
  return table(['provider', ...used], rows, ['left', ...used.map(() => 'right' as const)])
}

/** One line a class of reasons, with what one of the servers really said. */
function reasonLines(report: CampaignReport, states: readonly string[]): string[] {
  const chosen = report.reasons.filter(({ state }) => states.includes(state))
  const classes = [...Map.groupBy(chosen, (reason) => `${reason.state} ${reason.class}`)]
  return classes
    .map(([name, reasons]) => ({
      name,
      count: reasons.reduce((sum, { count }) => sum + count, 0),
      reply: reasons.flatMap(({ replies }) => replies)[0] ?? '',
    }))
    .toSorted((a, b) => b.count - a.count)
    .map(({ name, count, reply }) => `${number(count).padStart(7)}  ${name.padEnd(26)}  ${reply}`)
}
