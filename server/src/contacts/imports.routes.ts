import { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, Page, problems } from '#http/schemas.ts'
import { receiveFile } from '#http/uploads.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { IMPORT_FIELDS, readImportForm } from './import-form.ts'
import { describeImport } from './import.ts'
import { ImportForm, ImportQuery, ImportSchema } from './imports.schema.ts'
import { listExists, selectImport, selectImports } from './imports.store.ts'
import { listNotFound } from './list.ts'
import { MAX_IMPORT_BYTES, prepareImport, storeImportFile } from './start-import.ts'
import { rejectsCsv } from './write-rejects.ts'

const tags = ['Imports']
const read = { scope: 'contacts:read' } as const

export interface ImportRouteDeps {
  readonly db: Database
  readonly objects: Objects
  readonly clock: Clock
}

export function registerImports(app: App, deps: ImportRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/lists/:id/import',
    schema: {
      operationId: 'importContacts',
      tags,
      summary: 'Import contacts from a CSV file',
      description:
        'Delimiter, quotes, encoding, header and columns are found out, and shown in the answer. Files of all tenants are imported one after the other: until its turn comes it is queued. Poll the import for its progress.',
      params: IdParams,
      response: { 202: ImportSchema, ...problems(404, 413) },
    },
    config: { scope: 'contacts:write', upload: ImportForm, idempotent: true },
    handler: async (request, reply) => {
      const { tenantId } = who(request)
      const listId = request.params.id
      const isThere = await asTenant(deps.db, tenantId, (transaction) => listExists(transaction, listId))
      if (!isThere) throw listNotFound()
      const upload = await receiveFile(request, {
        fields: IMPORT_FIELDS,
        maxBytes: MAX_IMPORT_BYTES,
        store: (stream) => storeImportFile(deps, tenantId, stream),
        discard: ({ objectKey }) => deps.objects.delete(objectKey),
      })
      const { stored, fields, fileName } = upload
      let isKept = false
      try {
        const prepared = await prepareImport(deps, tenantId, stored, {
          ...readImportForm(fields),
          listId,
          fileName,
        })
        const answer = await idempotent(
          deps,
          request,
          reply,
          async (transaction) => {
            const body = describeImport(await prepared(transaction), deps.clock.now())
            return { status: 202, body }
          },
          { fingerprint: JSON.stringify([fields, fileName, stored.digest]) },
        )
        // A replay answers with the import of the first request, which has the file already.
        isKept = answer.id === stored.importId
        return answer
      } finally {
        if (!isKept) await deps.objects.delete(stored.objectKey)
      }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/imports',
    schema: {
      operationId: 'listImports',
      tags,
      summary: 'All imports, newest first',
      querystring: ImportQuery,
      response: { 200: Page(ImportSchema) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query), listId: query.list_id ?? null }
      const rows = await asTenant(deps.db, who(request).tenantId, (t) => selectImports(t, page))
      const now = deps.clock.now()
      return toPage(
        rows.map((row) => describeImport(row, now)),
        query,
      )
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/imports/:id',
    schema: {
      operationId: 'getImport',
      tags,
      summary: 'How far an import is',
      params: IdParams,
      response: { 200: ImportSchema, ...problems(404) },
    },
    config: read,
    handler: async (request) =>
      describeImport(await findImport(deps, who(request).tenantId, request.params.id), deps.clock.now()),
  })
  registerRejects(app, deps)
}

function registerRejects(app: App, deps: ImportRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/imports/:id/rejects',
    schema: {
      operationId: 'getImportRejects',
      tags,
      summary: 'The rejected rows as CSV: line, code, reason and the row as it was',
      produces: ['text/csv'],
      params: IdParams,
      response: { 200: Type.Unsafe<Readable>({ type: 'string' }), ...problems(404) },
    },
    config: read,
    handler: async (request, reply) => {
      const { tenantId } = who(request)
      const found = await findImport(deps, tenantId, request.params.id)
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="rejects-${found.id}.csv"`)
        .send(Readable.from(rejectsCsv(deps, tenantId, found.id), { objectMode: false }))
    },
  })
}

async function findImport(deps: ImportRouteDeps, tenantId: string, id: string) {
  const found = await asTenant(deps.db, tenantId, (transaction) => selectImport(transaction, id))
  if (found !== undefined) return found
  throw new Problem('not_found', 'imports.not_found', 'There is no such import.')
}
