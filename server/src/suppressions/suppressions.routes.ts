import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { parseAddress } from '@pigeon/mail/address.ts'
import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, problems } from '#http/schemas.ts'
import { receiveFile } from '#http/uploads.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { suppressAddresses } from './add-suppressions.ts'
import { suppressionsCsv } from './export-suppressions.ts'
import { readSuppressionForm, SUPPRESSION_FIELDS } from './import-form.ts'
import { IMPORT_LIMITS, importSuppressions, storeSuppressionFile } from './import-suppressions.ts'
import { removeSuppression } from './remove-suppression.ts'
import type { SuppressionReason } from './suppression.ts'
import {
  SuppressionExportQuery,
  SuppressionForm,
  SuppressionQuery,
  SuppressionsAdded,
  SuppressionsBody,
  SuppressionSchema,
  SuppressionsImported,
} from './suppressions.schema.ts'
import { listSuppressions, type SuppressionFilter } from './suppressions.store.ts'

const tags = ['Suppressions']

export interface SuppressionRouteDeps {
  readonly db: Database
  readonly objects: Objects
  readonly clock: Clock
}

export function registerSuppressions(app: App, deps: SuppressionRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/suppressions',
    schema: {
      operationId: 'listSuppressions',
      tags,
      summary: 'Addresses that are not written to, newest first',
      querystring: SuppressionQuery,
      response: { 200: Page(SuppressionSchema) },
    },
    config: { scope: 'suppressions:read' },
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query) }
      const rows = await asTenant(deps.db, who(request).tenantId, (transaction) =>
        listSuppressions(transaction, filterOf(query), page),
      )
      return toPage(rows, query)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/suppressions',
    schema: {
      operationId: 'addSuppressions',
      tags,
      summary: 'Stop writing to addresses: on one list, or at all',
      body: SuppressionsBody,
      response: { 201: SuppressionsAdded, ...problems(409) },
    },
    config: { scope: 'suppressions:write', idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: {
          data: await suppressAddresses(
            transaction,
            who(request).tenantId,
            request.body.suppressions,
            deps.clock.now(),
          ),
        },
      })),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/suppressions/:id',
    schema: {
      operationId: 'removeSuppression',
      tags,
      summary: 'Allow writing to an address again',
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: { scope: 'suppressions:write' },
    handler: async (request, reply) => {
      await removeSuppression(deps, actorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  registerFiles(app, deps)
}

function registerFiles(app: App, deps: SuppressionRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/suppressions/import',
    schema: {
      operationId: 'importSuppressions',
      tags,
      summary: 'Stop writing to the addresses of a CSV file',
      description:
        'Delimiter, encoding and columns are found out. What can be added is added, and the answer names the rows that cannot. The same file again changes nothing.',
      response: { 200: SuppressionsImported, ...problems(413) },
    },
    config: { scope: 'suppressions:write', upload: SuppressionForm },
    handler: async (request) => {
      const { tenantId } = who(request)
      const { stored, fields, fileName } = await receiveFile(request, {
        fields: SUPPRESSION_FIELDS,
        maxBytes: IMPORT_LIMITS.bytes,
        store: (stream) => storeSuppressionFile(deps, tenantId, stream),
        discard: (objectKey) => deps.objects.delete(objectKey),
      })
      try {
        const given = { ...readSuppressionForm(fields), fileName, objectKey: stored }
        return await importSuppressions(deps, actorOf(request), given)
      } finally {
        await deps.objects.delete(stored)
      }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/suppressions/export',
    schema: {
      operationId: 'exportSuppressions',
      tags,
      summary: 'The suppressions in force as CSV, which can be imported again',
      produces: ['text/csv'],
      querystring: SuppressionExportQuery,
      response: { 200: Type.Unsafe<Readable>({ type: 'string' }) },
    },
    config: { scope: 'suppressions:read' },
    handler: async (request, reply) => {
      const csv = suppressionsCsv(deps, who(request).tenantId, filterOf(request.query), deps.clock.now())
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="suppressions.csv"')
        .send(Readable.from(csv, { objectMode: false }))
    },
  })
}

interface Query {
  readonly email?: string
  readonly prefix?: string
  readonly domain?: string
  readonly reason?: SuppressionReason
  readonly list_id?: string
  readonly since?: string
  readonly held?: boolean
}

function filterOf(query: Query): SuppressionFilter {
  return {
    addressKey: query.email === undefined ? null : keyOf(query.email),
    prefix: query.prefix?.normalize('NFC').toLowerCase() ?? null,
    domain: query.domain === undefined ? null : domainOf(query.domain),
    reason: query.reason ?? null,
    listId: query.list_id ?? null,
    since: query.since === undefined ? null : new Date(query.since),
    isHeld: query.held ?? null,
  }
}

/** What is not an address suppresses nothing: the list is empty then. */
function keyOf(email: string): string {
  const address = parseAddress(email)
  return address.ok ? address.key : email.toLowerCase()
}

/** As keys have it: A-labels in lower case. */
function domainOf(domain: string): string {
  const address = parseAddress(`x@${domain}`)
  return address.ok ? address.domain : domain.toLowerCase()
}
