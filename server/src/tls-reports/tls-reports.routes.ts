import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { decodeCursor, rowsToRead, toPage, type PageRequest } from '#http/paging.ts'
import { Id, Nullable, Page, PageQuery, Timestamp } from '#http/schemas.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { selectTlsReports, TLS_REPORT_STATES } from './tls-reports.store.ts'

const State = Type.Enum([...TLS_REPORT_STATES], {
  description:
    'waiting: it is tried (again) later. failed: nobody took it. unwanted: the domain asks for no reports.',
})

const TlsReportSchema = Type.Object(
  {
    mode: Type.Enum(['sandbox', 'live']),
    day: Type.String({ format: 'date', description: 'In UTC.' }),
    domain: Type.String({ description: 'Of recipients, whose TLS was counted.' }),
    report_id: Id,
    state: State,
    destinations: Type.Array(Type.String(), {
      description: 'Where the domain wants it, once it is written.',
    }),
    sent_to: Nullable(Type.String()),
    attempts: Type.Integer(),
    error: Nullable(Type.String({ description: 'Why the last try failed.' })),
    next_attempt_at: Nullable(Timestamp),
    created_at: Timestamp,
  },
  { $id: 'TlsReport' },
)

const TlsReportQuery = Type.Object({
  ...PageQuery.properties,
  state: Type.Optional(State),
  domain: Type.Optional(Type.String({ minLength: 1, maxLength: 255, examples: ['example.com'] })),
})

export function registerTlsReports(app: App, deps: { readonly db: Database }): void {
  app.route({
    method: 'GET',
    url: '/v1/tls-reports',
    schema: {
      operationId: 'listTlsReports',
      tags: ['Operation'],
      summary: 'Daily TLS reports to the domains that mail went to (RFC 8460), newest day first',
      description: 'Belongs to the installation, not to your tenant. An owner may read it.',
      querystring: TlsReportQuery,
      response: { 200: Page(TlsReportSchema) },
    },
    config: { scope: 'operation:read' },
    handler: async ({ query }) => {
      const { state = null, domain = null } = query
      const page = { after: placeOf(query), rows: rowsToRead(query) }
      const rows = await selectTlsReports(deps.db, { state, domain: domain?.toLowerCase() ?? null }, page)
      return toPage(rows, query, (row) => [row.day, row.domain, row.mode])
    },
  })
}

function placeOf(page: PageRequest): readonly string[] | null {
  if (page.cursor === undefined) return null
  const place = decodeCursor(page.cursor, 3)
  const [day = '', , mode = ''] = place
  if (isDay(day) && (mode === 'sandbox' || mode === 'live')) return place
  throw new Problem('invalid', 'paging.bad_cursor', 'Use next_cursor of an earlier page as it is.')
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
}
