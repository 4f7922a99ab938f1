import { parseAddress } from '@pigeon/mail/address.ts'
import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { suppressAddresses } from './add-suppressions.ts'
import {
  SuppressionQuery,
  SuppressionsAdded,
  SuppressionsBody,
  SuppressionSchema,
} from './suppressions.schema.ts'
import { deleteSuppression, listSuppressions } from './suppressions.store.ts'

const tags = ['Suppressions']

export function registerSuppressions(app: App, deps: { db: Database; clock: Clock }): void {
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
      const filter = {
        addressKey: query.email === undefined ? null : keyOf(query.email),
        listId: query.list_id ?? null,
        after: afterId(query),
        rows: rowsToRead(query),
      }
      return toPage(await asTenant(deps.db, who(request).tenantId, (t) => listSuppressions(t, filter)), query)
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
      const { id } = request.params
      if (await asTenant(deps.db, who(request).tenantId, (t) => deleteSuppression(t, id)))
        return reply.code(204).send(null)
      throw new Problem('not_found', 'suppressions.not_found', 'There is no such suppression.')
    },
  })
}

/** What is not an address suppresses nothing: the list is empty then. */
function keyOf(email: string): string {
  const address = parseAddress(email)
  return address.ok ? address.key : email.toLowerCase()
}
