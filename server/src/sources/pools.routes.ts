import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { deletePool, listPools } from './manage-pools.ts'
import {
  ClassParams,
  ClassPoolBody,
  ClassPoolSchema,
  NewPoolBody,
  PoolBody,
  PoolSchema,
  PoolSourcesBody,
} from './pools.schema.ts'
import { OF_INSTALLATION } from './sources.routes.ts'
import { createPool, editPool, readPool, setPoolOfClass, setPoolSources } from './write-pool.ts'
import type { PoolDeps } from './write-pool.ts'

const tags = ['Pools']
/** Who writes campaigns chooses among pools; what is in them is the operator's. */
const read = { scope: 'pools:read' } as const
const write = { scope: 'sources:write' } as const
const description = OF_INSTALLATION

export function registerPools(app: App, deps: PoolDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/pools',
    schema: {
      operationId: 'listPools',
      tags,
      summary: 'List pools with their sources, newest first',
      querystring: PageQuery,
      response: { 200: Page(PoolSchema) },
    },
    config: read,
    handler: (request) => listPools(deps, request.query),
  })
  app.route({
    method: 'POST',
    url: '/v1/pools',
    schema: {
      operationId: 'createPool',
      tags,
      summary: 'Make a pool',
      description,
      body: NewPoolBody,
      response: { 201: PoolSchema, ...problems(409, 429) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await createPool(deps, transaction, request.body),
      })),
  })
  app.route({
    method: 'GET',
    url: '/v1/pools/:id',
    schema: {
      operationId: 'getPool',
      tags,
      summary: 'Read a pool',
      params: IdParams,
      response: { 200: PoolSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => readPool(deps.db, request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/v1/pools/:id',
    schema: {
      operationId: 'updatePool',
      tags,
      summary: 'Replace its name and its overflow',
      description,
      params: IdParams,
      body: PoolBody,
      response: { 200: PoolSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => editPool(deps, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/pools/:id',
    schema: {
      operationId: 'deletePool',
      tags,
      summary: 'Delete a pool that nobody uses; its sources stay',
      description,
      params: IdParams,
      response: { 204: NoContent, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      await deletePool(deps, request.params.id)
      return reply.code(204).send(null)
    },
  })
  registerMembers(app, deps)
}

function registerMembers(app: App, deps: PoolDeps): void {
  app.route({
    method: 'PUT',
    url: '/v1/pools/:id/sources',
    schema: {
      operationId: 'setPoolSources',
      tags,
      summary: 'Replace its sources',
      description,
      params: IdParams,
      body: PoolSourcesBody,
      response: { 200: PoolSchema, ...problems(404) },
    },
    config: write,
    handler: (request) => setPoolSources(deps, request.params.id, request.body.sources),
  })
  app.route({
    method: 'PUT',
    url: '/v1/pools/classes/:message_class',
    schema: {
      operationId: 'setPoolOfClass',
      tags,
      summary: 'Say which pool a class of messages has, or none of its own',
      description,
      params: ClassParams,
      body: ClassPoolBody,
      response: { 200: ClassPoolSchema },
    },
    config: write,
    handler: async (request) => {
      const { message_class } = request.params
      const { pool_id } = request.body
      await setPoolOfClass(deps, message_class, pool_id)
      return { message_class, pool_id }
    },
  })
}
