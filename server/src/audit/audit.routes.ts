import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { Id, Nullable, Page, PageQuery, Timestamp } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { selectAuditEntries } from './audit.store.ts'

const What = Nullable(Type.Record(Type.String(), Type.Unknown()))

const AuditEntrySchema = Type.Object(
  {
    id: Id,
    at: Timestamp,
    user_id: Id,
    api_key_id: Nullable(Id),
    address: Type.String({ description: 'Where the request came from.', examples: ['198.51.100.7'] }),
    action: Type.String({ examples: ['lanes.pause'] }),
    subject: Type.String({ examples: ['live/google from every source'] }),
    before: What,
    after: What,
  },
  { $id: 'AuditEntry' },
)

const AuditQuery = Type.Object({
  ...PageQuery.properties,
  action: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Only this action.' })),
})

export function registerAudit(app: App, deps: { readonly db: Database }): void {
  app.route({
    method: 'GET',
    url: '/v1/audit-log',
    schema: {
      operationId: 'listAuditEntries',
      tags: ['Operation'],
      summary: 'Who of your tenant changed what, when and from where, newest first',
      querystring: AuditQuery,
      response: { 200: Page(AuditEntrySchema) },
    },
    config: { scope: 'audit:read' },
    handler: (request) =>
      asTenant(deps.db, who(request).tenantId, async (transaction) => {
        const { query } = request
        const rows = await selectAuditEntries(transaction, {
          after: afterId(query),
          rows: rowsToRead(query),
          action: query.action ?? null,
        })
        return toPage(rows, query)
      }),
  })
}
