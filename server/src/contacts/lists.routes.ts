import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { removeList } from './delete-list.ts'
import { listNotFound } from './list.ts'
import { ListBody, ListSchema } from './lists.schema.ts'
import { insertList, selectList, selectLists, updateList } from './lists.store.ts'

const tags = ['Lists']
const read = { scope: 'lists:read' } as const
const write = { scope: 'lists:write' } as const

export interface ListRouteDeps {
  readonly db: Database
  readonly clock: Clock
  readonly objects: Objects
}

export function registerLists(app: App, deps: ListRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/lists',
    schema: {
      operationId: 'listLists',
      tags,
      summary: 'All lists, newest first',
      querystring: PageQuery,
      response: { 200: Page(ListSchema) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query) }
      return toPage(await asTenant(deps.db, who(request).tenantId, (t) => selectLists(t, page)), query)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/lists',
    schema: {
      operationId: 'createList',
      tags,
      summary: 'Create a list',
      body: ListBody,
      response: { 201: ListSchema, ...problems(409) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await insertList(transaction, who(request).tenantId, fieldsOf(request.body), deps.clock.now()),
      })),
  })
  app.route({
    method: 'GET',
    url: '/v1/lists/:id',
    schema: {
      operationId: 'getList',
      tags,
      summary: 'Read a list',
      params: IdParams,
      response: { 200: ListSchema, ...problems(404) },
    },
    config: read,
    handler: async (request) => {
      const { id } = request.params
      const found = await asTenant(deps.db, who(request).tenantId, (t) => selectList(t, id))
      if (found === undefined) throw listNotFound()
      return found
    },
  })
  app.route({
    method: 'PUT',
    url: '/v1/lists/:id',
    schema: {
      operationId: 'updateList',
      tags,
      summary: 'Rename or archive a list',
      params: IdParams,
      body: ListBody,
      response: { 200: ListSchema, ...problems(404) },
    },
    config: write,
    handler: async (request) => {
      const { id } = request.params
      const fields = fieldsOf(request.body)
      const changed = await asTenant(deps.db, who(request).tenantId, (t) =>
        updateList(t, id, fields, deps.clock.now()),
      )
      if (changed === undefined) throw listNotFound()
      return changed
    },
  })
  app.route({
    method: 'DELETE',
    url: '/v1/lists/:id',
    schema: {
      operationId: 'deleteList',
      tags,
      summary: 'Delete a list; its contacts stay',
      params: IdParams,
      response: { 204: NoContent, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      await removeList(deps, who(request).tenantId, request.params.id)
      return reply.code(204).send(null)
    },
  })
}

function fieldsOf(body: {
  name: string
  description?: string | null
  status?: 'active' | 'archived'
  is_public?: boolean
}) {
  return {
    name: body.name.trim(),
    description: body.description ?? null,
    status: body.status ?? ('active' as const),
    isPublic: body.is_public,
  }
}
