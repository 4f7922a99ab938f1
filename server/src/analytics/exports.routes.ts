import type { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { AnalyticsDeps } from './ask-analytics.ts'
import { askExport, findExport } from './ask-export.ts'
import { describeExport, exportKey, FORMATS } from './export.ts'
import { ExportQuery, ExportSchema } from './exports.schema.ts'
import { selectExports } from './exports.store.ts'

const tags = ['Exports']
const config = { scope: 'analytics:read' } as const

export interface ExportRouteDeps extends AnalyticsDeps {
  readonly objects: Objects
}

export function registerExports(app: App, deps: ExportRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/analytics/export',
    schema: {
      operationId: 'exportEvents',
      tags,
      summary: 'Events as a file: begins the export of this question, or tells how far it is',
      description:
        'Ask until the answer is 200, then get `download`. The same question begins nothing twice.',
      querystring: ExportQuery,
      response: { 200: ExportSchema, 202: ExportSchema, ...problems(429) },
    },
    config,
    handler: async (request, reply) => {
      const found = await askExport(deps, who(request).tenantId, request.query)
      const isOver = found.state === 'completed' || found.state === 'failed'
      return reply.code(isOver ? 200 : 202).send(describeExport(found))
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/exports',
    schema: {
      operationId: 'listExports',
      tags,
      summary: 'All exports, newest first',
      querystring: PageQuery,
      response: { 200: Page(ExportSchema) },
    },
    config,
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query) }
      const rows = await asTenant(deps.db, who(request).tenantId, (t) => selectExports(t, page))
      return toPage(rows.map(describeExport), query)
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/exports/:id',
    schema: {
      operationId: 'getExport',
      tags,
      summary: 'How far an export is',
      params: IdParams,
      response: { 200: ExportSchema, ...problems(404) },
    },
    config,
    handler: async (request) =>
      describeExport(await findExport(deps, who(request).tenantId, request.params.id)),
  })
  registerDownload(app, deps)
}

function registerDownload(app: App, deps: ExportRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/exports/:id/download',
    schema: {
      operationId: 'downloadExport',
      tags,
      summary: 'The file of an export',
      produces: ['text/csv', 'application/x-ndjson', 'application/vnd.apache.parquet'],
      params: IdParams,
      response: { 200: Type.Unsafe<Readable>({ type: 'string', format: 'binary' }), ...problems(404, 409) },
    },
    config,
    handler: async (request, reply) => {
      const { tenantId } = who(request)
      const found = await findExport(deps, tenantId, request.params.id)
      if (found.state !== 'completed') throw notReady()
      const file = await deps.objects.get(exportKey(tenantId, found.id))
      return reply
        .type(FORMATS[found.format].type)
        .header('content-length', found.size_bytes ?? undefined)
        .header('content-disposition', `attachment; filename="events-${found.id}.${found.format}"`)
        .send(file)
    },
  })
}

function notReady(): Problem {
  return new Problem(
    'conflict',
    'exports.not_ready',
    'The file is not there yet. Ask for the export until its state is completed.',
  )
}
