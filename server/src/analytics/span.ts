import { Problem } from '#platform/problem.ts'

export const INTERVALS = ['hour', 'day', 'week', 'month'] as const
export type Interval = (typeof INTERVALS)[number]

/** A time that is asked about, in whole slots of the rollups. Seconds since 1970; `to` is not part of it. */
export interface Span {
  readonly from: number
  readonly to: number
  /** An IANA name, e.g. `Europe/Berlin`: where days, weeks and hours begin. */
  readonly timeZone: string
}

/** What a caller may say about time. */
export interface SpanQuery {
  readonly from?: string
  readonly to?: string
  readonly time_zone?: string
}

export const SLOT_SECONDS = 900
const HOUR_SECONDS = 3_600
const DAY_SECONDS = 24 * HOUR_SECONDS
const DEFAULT_DAYS = 30
/** The default life of rollups, and the time before it to compare with. */
const MAX_DAYS = 800
const MAX_BUCKETS = 800
const INTERVAL_SECONDS: Record<Interval, number> = {
  hour: HOUR_SECONDS,
  day: DAY_SECONDS,
  week: 7 * DAY_SECONDS,
  month: 28 * DAY_SECONDS,
}

/** The span of a question: 30 days until now unless it says otherwise, cut to whole slots. Throws Problem('invalid', 'analytics.bad_time'). */
export function readSpan(query: SpanQuery, tenantZone: string, now: Date): Span {
  const to = query.to === undefined ? seconds(now) : readTime('to', query.to)
  const from = query.from === undefined ? to - DEFAULT_DAYS * DAY_SECONDS : readTime('from', query.from)
  const span = {
    from: Math.floor(from / SLOT_SECONDS) * SLOT_SECONDS,
    to: Math.ceil(to / SLOT_SECONDS) * SLOT_SECONDS,
    timeZone: readTimeZone(query.time_zone ?? tenantZone),
  }
  if (from >= to) throw badTime('from', 'Give a from that lies before to.')
  if (span.to - span.from > MAX_DAYS * DAY_SECONDS + SLOT_SECONDS)
    throw badTime('from', `Ask for at most ${MAX_DAYS} days.`)
  return span
}

/** The time of the same length before a span. */
export function previousSpan({ from, to, timeZone }: Span): Span {
  return { from: from - (to - from), to: from, timeZone }
}

/** The interval asked for, or one that gives a readable chart. Throws when it would give too many buckets. */
export function readInterval({ from, to }: Span, asked: Interval | undefined): Interval {
  const length = to - from
  if (asked === undefined)
    return length <= 2 * DAY_SECONDS ? 'hour' : length <= 120 * DAY_SECONDS ? 'day' : 'week'
  if (length / INTERVAL_SECONDS[asked] > MAX_BUCKETS)
    throw badTime(
      'interval',
      `That makes more than ${MAX_BUCKETS} points: ask for a shorter time or a longer interval.`,
    )
  return asked
}

function readTime(field: 'from' | 'to', text: string): number {
  const ms = Date.parse(text)
  // Before 1970 and after 2100 the history's type for times ends.
  if (Number.isNaN(ms) || ms < 0 || ms > Date.UTC(2100, 0))
    throw badTime(field, `Give ${field} as an RFC 3339 time of this century.`)
  return ms / 1000
}

function readTimeZone(name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch (cause) {
    throw badTime('time_zone', 'Give time_zone as an IANA name such as Europe/Berlin.', cause)
  }
}

function seconds(date: Date): number {
  return date.getTime() / 1000
}

function badTime(field: string, message: string, cause?: unknown): Problem {
  return new Problem('invalid', 'analytics.bad_time', message, {
    errors: [{ field, code: 'analytics.bad_time', message }],
    ...(cause === undefined ? {} : { cause }),
  })
}
