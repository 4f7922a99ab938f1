import { readAudience, readEngagement, type AudienceGroup } from './analytics.store.ts'
import { askedSpan, shownSpan, type AnalyticsDeps } from './ask-analytics.ts'
import type { SpanQuery } from './span.ts'

export interface GeographicQuery extends SpanQuery {
  readonly group_by?: AudienceGroup
  readonly limit?: number
}

const DEFAULT_ROWS = 250

/** From where and with what people read: openings and clicks by country, program, system or device. */
export async function geographic(deps: AnalyticsDeps, tenantId: string, query: GeographicQuery) {
  const span = await askedSpan(deps, tenantId, query)
  const group = query.group_by ?? 'country'
  const rows = await readAudience(deps.analytics, { tenantId, span }, group, query.limit ?? DEFAULT_ROWS)
  return {
    ...shownSpan(span),
    group_by: group,
    data: rows.map(({ name, ...counts }) => ({ name: name === '' ? null : name, counts })),
  }
}

export interface EngagementQuery extends SpanQuery {
  readonly campaign_id?: string
}

const DAYS = 7
const HOURS = 24

/** When people open and click, beside when mail arrives: every hour of the week. */
export async function engagement(deps: AnalyticsDeps, tenantId: string, query: EngagementQuery) {
  const span = await askedSpan(deps, tenantId, query)
  const found = await readEngagement(deps.analytics, { tenantId, span }, query.campaign_id ?? null)
  const cells = new Map(found.map((cell) => [`${cell.weekday}/${cell.hour}`, cell]))
  const data = Array.from({ length: DAYS * HOURS }, (_, at) => {
    const [weekday, hour] = [Math.floor(at / HOURS) + 1, at % HOURS]
    return cells.get(`${weekday}/${hour}`) ?? { weekday, hour, handed: 0, opened: 0, clicked: 0 }
  })
  return { ...shownSpan(span), data }
}
