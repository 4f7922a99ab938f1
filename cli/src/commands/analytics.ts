import { take } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'

const SPAN = {
  from: { type: 'string', value: 'TIME', description: 'RFC 3339; 30 days before --to when left out.' },
  to: { type: 'string', value: 'TIME', description: 'RFC 3339; now when left out.' },
  zone: { type: 'string', value: 'ZONE', description: 'Where days begin, like Europe/Berlin.' },
} as const

const DELIVERY_GROUPS = ['provider', 'source', 'domain', 'day'] as const
const AUDIENCE_GROUPS = ['country', 'client', 'os', 'device'] as const

/** The options about time as the API has them. */
export function spanOf(values: { readonly from?: string; readonly to?: string; readonly zone?: string }) {
  return {
    ...(values.from === undefined ? {} : { from: values.from }),
    ...(values.to === undefined ? {} : { to: values.to }),
    ...(values.zone === undefined ? {} : { time_zone: values.zone }),
  }
}

const overview = command({
  name: 'analytics overview',
  summary: 'What became of your mail, in all and over time, beside the time before.',
  positionals: [],
  options: {
    ...SPAN,
    campaign: { type: 'string', value: 'ID|latest', description: 'Of this campaign.' },
  },
  example: 'pigeon analytics overview --from 2026-11-01T00:00:00Z',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const of = values.campaign === undefined ? {} : { campaign_id: await campaignId(pigeon, values.campaign) }
    const query = { ...spanOf(values), ...of }
    const answer = await take(pigeon.GET('/v1/analytics/overview', { params: { query } }))
    const { totals, previous } = answer
    context.out.result(answer, () => [
      ...table(
        ['', 'now', 'before'],
        [
          ...COUNTED.map((name) => [name, number(totals.counts[name]), number(previous?.counts[name] ?? 0)]),
          ...RATED.map((name) => [
            `${name} rate`,
            percent(totals.rates[name]),
            percent(previous?.rates[name] ?? null),
          ]),
        ],
        ['left', 'right', 'right'],
      ),
      '',
      ...table(
        [answer.interval, 'delivered', 'bounced', 'opened', 'clicked'],
        answer.series.map(({ at, counts }) => [
          time(at),
          number(counts.delivered + counts.sent),
          number(counts.bounced),
          number(counts.opened),
          number(counts.clicked),
        ]),
        ['left', 'right', 'right', 'right', 'right'],
      ),
    ])
    return EXIT.ok
  },
})

const COUNTED = [
  'delivered',
  'sent',
  'deferred',
  'bounced',
  'failed',
  'opened',
  'clicked',
  'complained',
  'unsubscribed',
] as const
const RATED = ['delivery', 'bounce', 'open', 'click', 'complaint', 'unsubscribe'] as const

function percent(rate: number | null): string {
  return rate === null ? '-' : `${(rate * 100).toFixed(2)}%`
}

const byCampaign = command({
  name: 'analytics campaigns',
  summary: 'The same by campaign, newest first.',
  positionals: [],
  options: { ...SPAN, limit: LIMIT_OPTION },
  example: 'pigeon analytics campaigns --limit 10',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const rows = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/analytics/campaigns', { params: { query: { ...spanOf(values), ...page } } })),
    )
    context.out.result(rows, () =>
      table(
        ['campaign', 'name', 'delivered', 'bounced', 'open', 'click', 'last'],
        rows.map((row) => [
          row.id,
          row.name ?? '-',
          number(row.counts.delivered + row.counts.sent),
          number(row.counts.bounced),
          percent(row.rates.open),
          percent(row.rates.click),
          time(row.last_event_at),
        ]),
        ['left', 'left', 'right', 'right', 'right', 'right'],
      ),
    )
    return EXIT.ok
  },
})

const deliverability = command({
  name: 'analytics deliverability',
  summary: 'How mail gets through: bounces by class, complaints, and the time it takes.',
  positionals: [],
  options: {
    ...SPAN,
    by: { type: 'string', value: DELIVERY_GROUPS.join('|'), description: 'Grouped so (provider).' },
  },
  example: 'pigeon analytics deliverability --by domain',
  run: async (context, { values }) => {
    const query = { ...spanOf(values), group_by: choice('--by', values.by ?? 'provider', DELIVERY_GROUPS) }
    const answer = await take(context.signedIn().GET('/v1/analytics/deliverability', { params: { query } }))
    context.out.result(answer, () =>
      table(
        [
          answer.group_by,
          'delivered',
          'deferred',
          'bounced',
          'complaints',
          'p50',
          'p95',
          'p99',
          'bounce classes',
        ],
        answer.data.map((row) => [
          row.name,
          number(row.counts.delivered + row.counts.sent),
          number(row.counts.deferred),
          number(row.counts.bounced),
          number(row.counts.complained),
          ...(['p50', 'p95', 'p99'] as const).map((level) => seconds(row.time_to_deliver_ms?.[level])),
          row.bounce_classes.map((each) => `${each.class} ${each.count}`).join(', '),
        ]),
        ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
      ),
    )
    return EXIT.ok
  },
})

function seconds(ms: number | undefined): string {
  return ms === undefined ? '-' : `${(ms / 1000).toFixed(1)} s`
}

const geographic = command({
  name: 'analytics geographic',
  summary: 'From where and with what people open and click.',
  positionals: [],
  options: {
    ...SPAN,
    by: { type: 'string', value: AUDIENCE_GROUPS.join('|'), description: 'Grouped so (country).' },
  },
  example: 'pigeon analytics geographic --by client',
  run: async (context, { values }) => {
    const query = { ...spanOf(values), group_by: choice('--by', values.by ?? 'country', AUDIENCE_GROUPS) }
    const answer = await take(context.signedIn().GET('/v1/analytics/geographic', { params: { query } }))
    context.out.result(answer, () =>
      table(
        [answer.group_by, 'opened', 'clicked', 'by machines'],
        answer.data.map(({ name, counts }) => [
          name ?? '(unknown)',
          number(counts.opened),
          number(counts.clicked),
          number(counts.machine_opened + counts.machine_clicked),
        ]),
        ['left', 'right', 'right', 'right'],
      ),
    )
    return EXIT.ok
  },
})

const engagement = command({
  name: 'analytics engagement',
  summary: 'When people open: each hour of the week.',
  positionals: [],
  options: SPAN,
  example: 'pigeon analytics engagement --zone Europe/Berlin',
  run: async (context, { values }) => {
    const query = spanOf(values)
    const answer = await take(context.signedIn().GET('/v1/analytics/engagement', { params: { query } }))
    const hours = Map.groupBy(answer.data, (cell) => cell.hour)
    context.out.result(answer, () =>
      table(
        ['hour', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
        [...hours].map(([hour, cells]) => [
          `${String(hour).padStart(2, '0')}:00`,
          ...cells.toSorted((a, b) => a.weekday - b.weekday).map((cell) => number(cell.opened)),
        ]),
        ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
      ),
    )
    return EXIT.ok
  },
})

/** Throws a usage failure for a value that is none of these. */
export function choice<const T extends string>(option: string, given: string, choices: readonly T[]): T {
  const found = choices.find((each) => each === given)
  if (found === undefined) throw usageFailure(`${option} takes ${choices.join(', ')}.`)
  return found
}

export const analytics = [overview, byCampaign, deliverability, geographic, engagement]
