import { Type } from 'typebox'
import { Id, Nullable, PageQuery, Timestamp } from '#http/schemas.ts'
import { AUDIENCE_COUNTS, COUNTS, DELIVERY_COUNTS } from './counts.ts'
import { INTERVALS } from './span.ts'

const Count = Type.Integer({ minimum: 0 })
const Rate = Nullable(Type.Number({ minimum: 0, maximum: 1 }))
const MAX_ROWS = 1000

const spanQuery = {
  from: Type.Optional(
    Type.String({
      format: 'date-time',
      description: '30 days before `to` when left out. Cut to quarters of an hour.',
    }),
  ),
  to: Type.Optional(
    Type.String({ format: 'date-time', description: 'Not part of the time. Now when left out.' }),
  ),
  time_zone: Type.Optional(
    Type.String({
      maxLength: 64,
      examples: ['Europe/Berlin'],
      description: 'Where days and hours begin. The zone of the tenant when left out.',
    }),
  ),
}
const compare = Type.Optional(
  Type.Boolean({ default: true, description: 'Also answer for the time of the same length before.' }),
)
const campaign_id = Type.Optional(Id)
const limit = Type.Optional(
  Type.Integer({ minimum: 1, maximum: MAX_ROWS, description: 'How many to return.' }),
)

export const OverviewQuery = Type.Object({
  ...spanQuery,
  interval: Type.Optional(Type.Enum([...INTERVALS], { description: 'Chosen by the length when left out.' })),
  campaign_id,
  compare,
})
export const CampaignsQuery = Type.Object({ ...spanQuery, ...PageQuery.properties })
export const DeliverabilityQuery = Type.Object({
  ...spanQuery,
  group_by: Type.Optional(Type.Enum(['provider', 'source', 'domain', 'day'], { default: 'provider' })),
  limit,
  compare,
})
export const GeographicQuery = Type.Object({
  ...spanQuery,
  group_by: Type.Optional(Type.Enum(['country', 'client', 'os', 'device'], { default: 'country' })),
  limit,
})
export const EngagementQuery = Type.Object({ ...spanQuery, campaign_id })

const shownSpan = { from: Timestamp, to: Timestamp, time_zone: Type.String() }

function countsOf<const Names extends readonly string[]>(names: Names, description: string) {
  // Object.fromEntries loses the literal keys; they are exactly `names`.
  const properties = Object.fromEntries(names.map((name) => [name, Count])) as Record<
    Names[number],
    typeof Count
  >
  return Type.Object(properties, { description })
}

const Counts = countsOf(
  COUNTS,
  'Events. `late_bounced` are those of `bounced` that came back after the message was handed over; `machine_...` look like programs and are not among `opened` and `clicked`.',
)
const DeliveryCounts = countsOf(DELIVERY_COUNTS, 'Events, as in the overview.')

const deliveryRates = { delivery: Rate, bounce: Rate, complaint: Rate }

const totals = {
  counts: Counts,
  opened_messages: Type.Integer({
    minimum: 0,
    description: 'Messages that people have opened, within about 1%.',
  }),
  clicked_messages: Count,
  rates: Type.Object({ ...deliveryRates, open: Rate, click: Rate, click_to_open: Rate, unsubscribe: Rate }),
}

export const OverviewSchema = Type.Object(
  {
    ...shownSpan,
    interval: Type.Enum([...INTERVALS]),
    totals: Type.Object(totals),
    previous: Nullable(Type.Object(totals)),
    series: Type.Array(Type.Object({ at: Timestamp, counts: Counts })),
  },
  { $id: 'AnalyticsOverview' },
)

export const CampaignsSchema = Type.Object(
  {
    ...shownSpan,
    data: Type.Array(
      Type.Object({
        id: Id,
        name: Nullable(Type.String()),
        first_event_at: Timestamp,
        last_event_at: Timestamp,
        ...totals,
      }),
    ),
    has_more: Type.Boolean(),
    next_cursor: Nullable(Type.String()),
  },
  { $id: 'AnalyticsCampaigns' },
)

const delivery = {
  counts: DeliveryCounts,
  rates: Type.Object(deliveryRates),
  bounce_classes: Type.Array(Type.Object({ class: Type.String(), count: Count })),
  time_to_deliver_ms: Nullable(
    Type.Object(
      { p50: Count, p95: Count, p99: Count },
      { description: 'From when a message was accepted until it was handed over, within 5%.' },
    ),
  ),
}

export const DeliverabilitySchema = Type.Object(
  {
    ...shownSpan,
    group_by: Type.Enum(['provider', 'source', 'domain', 'day']),
    totals: Type.Object(delivery),
    previous: Nullable(Type.Object(delivery)),
    data: Type.Array(
      Type.Object({ name: Type.String({ description: 'Of a day: when it begins, RFC 3339.' }), ...delivery }),
    ),
  },
  { $id: 'AnalyticsDeliverability' },
)

export const GeographicSchema = Type.Object(
  {
    ...shownSpan,
    group_by: Type.Enum(['country', 'client', 'os', 'device']),
    data: Type.Array(
      Type.Object({
        name: Nullable(
          Type.String({
            description: 'Of a country: ISO 3166-1 alpha-2. Null when unknown.',
            examples: ['DE'],
          }),
        ),
        counts: countsOf(AUDIENCE_COUNTS, 'Events, as in the overview.'),
      }),
    ),
  },
  { $id: 'AnalyticsGeographic' },
)

export const EngagementSchema = Type.Object(
  {
    ...shownSpan,
    data: Type.Array(
      Type.Object({
        weekday: Type.Integer({ minimum: 1, maximum: 7, description: '1 is Monday.' }),
        hour: Type.Integer({ minimum: 0, maximum: 23 }),
        handed: Type.Integer({ minimum: 0, description: 'Messages handed over in this hour.' }),
        opened: Count,
        clicked: Count,
      }),
    ),
  },
  { $id: 'AnalyticsEngagement' },
)
