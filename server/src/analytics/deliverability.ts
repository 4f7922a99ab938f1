import {
  readDeliveryBy,
  readDeliveryDays,
  readDeliveryTotals,
  type DeliveryGroup,
  type DeliveryRow,
} from './analytics.store.ts'
import { askedSpan, compared, dateOf, shownSpan, type AnalyticsDeps } from './ask-analytics.ts'
import { deliveryRates } from './counts.ts'
import type { Span, SpanQuery } from './span.ts'
import { waitQuantiles } from './wait-quantiles.ts'

export interface DeliverabilityQuery extends SpanQuery {
  readonly group_by?: DeliveryGroup
  readonly limit?: number
  readonly compare?: boolean
}

const DEFAULT_ROWS = 100

/** How mail got through: by provider, source, domain of the recipient, or day; and as a whole, beside the time before. */
export async function deliverability(deps: AnalyticsDeps, tenantId: string, query: DeliverabilityQuery) {
  const span = await askedSpan(deps, tenantId, query)
  const group = query.group_by ?? 'provider'
  const [[totals, previous], rows] = await Promise.all([
    compared(span, query.compare, (of) => readTotals(deps, { tenantId, span: of })),
    readRows(deps, { tenantId, span }, group, query.limit ?? DEFAULT_ROWS),
  ])
  return {
    ...shownSpan(span),
    group_by: group,
    totals,
    previous,
    data: rows.map((row) => ({
      name: group === 'day' ? dateOf(Number(row.name)).toISOString() : row.name,
      ...describe(row),
    })),
  }
}

async function readTotals(deps: AnalyticsDeps, question: { tenantId: string; span: Span }) {
  const [row] = await readDeliveryTotals(deps.analytics, question)
  return describe(row ?? { ...NOTHING, name: '', bounce_classes: {}, waits: {} })
}

async function readRows(
  { analytics }: AnalyticsDeps,
  question: { tenantId: string; span: Span },
  group: DeliveryGroup,
  limit: number,
): Promise<DeliveryRow[]> {
  return group === 'day'
    ? readDeliveryDays(analytics, question)
    : readDeliveryBy(analytics, question, group, limit)
}

const NOTHING = {
  sent: 0,
  delivered: 0,
  deferred: 0,
  bounced: 0,
  late_bounced: 0,
  failed: 0,
  complained: 0,
}

function describe({ name: _name, bounce_classes, waits, ...counts }: DeliveryRow) {
  return {
    counts,
    rates: deliveryRates(counts),
    bounce_classes: Object.entries(bounce_classes)
      .map(([name, count]) => ({ class: name === '' ? 'other' : name, count }))
      .toSorted((a, b) => b.count - a.count),
    time_to_deliver_ms: waitQuantiles(waits),
  }
}
