import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { tenantTimeZone } from '#tenants/tenant-time-zone.ts'
import { previousSpan, readSpan, type Span, type SpanQuery } from './span.ts'

export interface AnalyticsDeps {
  readonly db: Database
  readonly analytics: Analytics
  readonly clock: Clock
}

/** The span a caller asks about, by default in the zone of the tenant. */
export async function askedSpan(deps: AnalyticsDeps, tenantId: string, query: SpanQuery): Promise<Span> {
  const zone = query.time_zone ?? (await tenantTimeZone(deps, tenantId))
  return readSpan(query, zone, deps.clock.now())
}

/** The span as an answer shows it: what was asked, in whole quarters of an hour. */
export function shownSpan({ from, to, timeZone }: Span): { from: Date; to: Date; time_zone: string } {
  return { from: dateOf(from), to: dateOf(to), time_zone: timeZone }
}

export function dateOf(seconds: number): Date {
  return new Date(seconds * 1000)
}

/** The answer for a span and, when it is to be compared, for the time before. */
export async function compared<T>(
  span: Span,
  isCompared: boolean | undefined,
  read: (span: Span) => Promise<T>,
): Promise<[now: T, previous: T | null]> {
  return Promise.all([read(span), isCompared === false ? null : read(previousSpan(span))])
}
