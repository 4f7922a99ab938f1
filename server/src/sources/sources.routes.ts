import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { checkSource } from './check-source.ts'
import type { CheckDeps } from './check-source.ts'
import { changeSource, changeWarmUp, deleteSource, getSource, listSources } from './manage-sources.ts'
import { NewSourceBody, SourceBody, SourceSchema, WarmUpBody } from './sources.schema.ts'
import { createSource, editSource } from './write-source.ts'
import type { SourceDeps } from './write-source.ts'

export type SourceRouteDeps = SourceDeps & CheckDeps

const tags = ['Sources']
const read = { scope: 'sources:read' } as const
const write = { scope: 'sources:write' } as const
/** There is no role of the installation's operator yet. */
export const OF_INSTALLATION = 'Belongs to the installation, not to your tenant. An owner may do this.'
const description = OF_INSTALLATION

export function registerSources(app: App, deps: SourceRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/sources',
    schema: {
      operationId: 'listSources',
      tags,
      summary: 'List sources, newest first',
      description,
      querystring: PageQuery,
      response: { 200: Page(SourceSchema) },
    },
    config: read,
    handler: (request) => listSources(deps, request.query),
  })
  app.route({
    method: 'POST',
    url: '/v1/sources',
    schema: {
      operationId: 'createSource',
      tags,
      summary: 'Add an address of ours or a relay; mail leaves from it once it is in a pool',
      description,
      body: NewSourceBody,
      response: { 201: SourceSchema, ...problems(409, 429) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await createSource(deps, transaction, request.body),
      })),
  })
  app.route({
    method: 'GET',
    url: '/v1/sources/:id',
    schema: {
      operationId: 'getSource',
      tags,
      summary: 'Read a source',
      description,
      params: IdParams,
      response: { 200: SourceSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => getSource(deps, request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/v1/sources/:id',
    schema: {
      operationId: 'updateSource',
      tags,
      summary: 'Replace what is said of a source; a relay keeps its secret unless another is given',
      description,
      params: IdParams,
      body: SourceBody,
      response: { 200: SourceSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => editSource(deps, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/sources/:id',
    schema: {
      operationId: 'deleteSource',
      tags,
      summary: 'Delete a source that is in no pool',
      description,
      params: IdParams,
      response: { 204: NoContent, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      await deleteSource(deps, request.params.id)
      return reply.code(204).send(null)
    },
  })
  registerActions(app, deps)
}

function registerActions(app: App, deps: SourceRouteDeps): void {
  const actions = {
    drain: 'Drain: it ends what it has in hand and is given nothing new',
    activate: 'Let mail leave from it (again)',
    disable: 'Disable: nothing leaves from it',
  } as const
  for (const action of ['drain', 'activate', 'disable'] as const) {
    app.route({
      method: 'POST',
      url: `/v1/sources/:id/${action}`,
      schema: {
        operationId: `${action}Source`,
        tags,
        summary: actions[action],
        description,
        params: IdParams,
        response: { 200: SourceSchema, ...problems(404) },
      },
      config: write,
      handler: (request) => changeSource(deps, request.params.id, action),
    })
  }
  app.route({
    method: 'POST',
    url: '/v1/sources/:id/check',
    schema: {
      operationId: 'checkSource',
      tags,
      summary: 'Look up now whether its address and its EHLO name lead to each other (FCrDNS)',
      description,
      params: IdParams,
      response: { 200: SourceSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => checkSource(deps, request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/v1/sources/:id/warm-up',
    schema: {
      operationId: 'changeWarmUp',
      tags,
      summary: 'Start, stop or begin again its warm-up',
      description,
      params: IdParams,
      body: WarmUpBody,
      response: { 200: SourceSchema, ...problems(404) },
    },
    config: write,
    handler: (request) => changeWarmUp(deps, request.params.id, request.body.action),
  })
}
