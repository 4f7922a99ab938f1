import { asTenant } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { askedSpan, type AnalyticsDeps } from './ask-analytics.ts'
import type { Export, ExportFormat } from './export.ts'
import { countUnfinished, insertExport, selectExport, selectSame } from './exports.store.ts'
import { SLOT_SECONDS, type SpanQuery } from './span.ts'

/** Of one tenant at a time; each is a file that may be large. */
const MAX_UNFINISHED = 10

export interface ExportQuery extends SpanQuery {
  readonly format?: ExportFormat
  readonly campaign_id?: string
  readonly event_types?: readonly string[]
}

/**
 * The export of this question: the one that was asked for before, while it is good, and otherwise a new one. Asking again
 * begins nothing twice. Throws Problem('limited', 'exports.too_many') when too many of the tenant are not finished.
 */
export async function askExport(deps: AnalyticsDeps, tenantId: string, query: ExportQuery): Promise<Export> {
  const { from, to } = await askedSpan(deps, tenantId, query)
  const event_types = [...new Set(query.event_types)].toSorted()
  const filter = { from, to, campaign_id: query.campaign_id ?? null, event_types }
  const question = { format: query.format ?? 'csv', filter }
  const now = deps.clock.now()
  return asTenant(deps.db, tenantId, async (transaction) => {
    const freshSince = new Date(now.getTime() - SLOT_SECONDS * 1000)
    const same = await selectSame(transaction, question, { freshSince, now })
    if (same !== undefined) return same
    if ((await countUnfinished(transaction)) >= MAX_UNFINISHED) throw tooMany()
    return insertExport(transaction, tenantId, question, now)
  })
}

/** Problem('not_found', 'exports.not_found') when the tenant has none of this id. */
export async function findExport(deps: AnalyticsDeps, tenantId: string, id: string): Promise<Export> {
  const found = await asTenant(deps.db, tenantId, (transaction) => selectExport(transaction, id))
  if (found !== undefined) return found
  throw new Problem(
    'not_found',
    'exports.not_found',
    'There is no such export. They are removed after some days.',
  )
}

function tooMany(): Problem {
  return new Problem(
    'limited',
    'exports.too_many',
    `${MAX_UNFINISHED} exports are not finished yet. Wait for one of them, then ask again.`,
  )
}
