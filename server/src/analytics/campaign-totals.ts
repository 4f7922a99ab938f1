import { nameCampaigns } from '#campaigns/name-campaigns.ts'
import { afterId, rowsToRead, toPage, type PageRequest } from '#http/paging.ts'
import { readCampaigns } from './analytics.store.ts'
import { askedSpan, shownSpan, type AnalyticsDeps } from './ask-analytics.ts'
import { totalsOf } from './overview.ts'
import type { SpanQuery } from './span.ts'

/** The campaigns of which something happened in the span, newest first, with their names. */
export async function campaignTotals(deps: AnalyticsDeps, tenantId: string, query: SpanQuery & PageRequest) {
  const span = await askedSpan(deps, tenantId, query)
  const page = { after: afterId(query), rows: rowsToRead(query) }
  const rows = await readCampaigns(deps.analytics, { tenantId, span }, page)
  const names = await nameCampaigns(
    deps,
    tenantId,
    rows.map((row) => row.id),
  )
  const described = rows.map((row) => ({
    id: row.id,
    // A campaign that is no more has a history still.
    name: names.get(row.id) ?? null,
    first_event_at: new Date(row.first_at),
    last_event_at: new Date(row.last_at),
    ...totalsOf(row),
  }))
  return { ...shownSpan(span), ...toPage(described, query) }
}
