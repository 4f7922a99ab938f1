import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { Id, Nullable, Page, PageQuery, Timestamp } from '#http/schemas.ts'
import type { Database } from '#platform/postgres/database.ts'
import { ALERT_KINDS, selectAlerts } from './alerts.store.ts'

const AlertSchema = Type.Object(
  {
    id: Id,
    kind: Type.Enum([...ALERT_KINDS], {
      description:
        'lane_suspended: a provider refuses a source, and nothing is sent from there for a while. unknown_user_spike: a provider suddenly says of many recipients that they do not exist; their suppressions are held back, and there is no source.',
    }),
    mode: Type.Enum(['sandbox', 'live']),
    provider: Type.String({ examples: ['google'] }),
    source_id: Id,
    source: Type.String({ examples: ['out-1'] }),
    text: Type.String({ description: 'What is the matter, or the last words of the provider.' }),
    times: Type.Integer({ description: 'How often it has happened since it was raised.' }),
    raised_at: Timestamp,
    updated_at: Timestamp,
    resolved_at: Nullable(Timestamp),
  },
  { $id: 'Alert' },
)

const AlertQuery = Type.Object({
  ...PageQuery.properties,
  open: Type.Optional(
    Type.Boolean({ description: 'true: only what goes on. false: only what is over. Absent: both.' }),
  ),
})

export function registerAlerts(app: App, deps: { readonly db: Database }): void {
  app.route({
    method: 'GET',
    url: '/v1/alerts',
    schema: {
      operationId: 'listAlerts',
      tags: ['Operation'],
      summary: 'What an operator should look at, newest first',
      description: 'Belongs to the installation, not to your tenant. An owner may read it.',
      querystring: AlertQuery,
      response: { 200: Page(AlertSchema) },
    },
    config: { scope: 'operation:read' },
    handler: async ({ query }) => {
      const rows = await selectAlerts(deps.db, {
        after: afterId(query),
        rows: rowsToRead(query),
        isOpen: query.open ?? null,
      })
      return toPage(rows, query)
    },
  })
}
