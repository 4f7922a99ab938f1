import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import {
  LaneOrderSchema,
  LaneQuery,
  LaneSchema,
  LimitBody,
  OrderedSchema,
  PauseBody,
  TargetBody,
} from './lanes.schema.ts'
import { listLanes, listOrders } from './list-lanes.ts'
import { deleteLaneOrder, limitLanes, pauseLanes, probeLanes, resumeLanes } from './order-lanes.ts'

export interface LaneRouteDeps {
  readonly db: Database
  readonly clock: Clock
}

const tags = ['Lanes']
const read = { scope: 'operation:read' } as const
const write = { scope: 'operation:write' } as const
/** There is no role of the installation's operator yet. */
const description = 'Belongs to the installation, not to your tenant. An owner may do this.'
const PAUSED = 'Paused by an operator.'

export function registerLanes(app: App, deps: LaneRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/lanes',
    schema: {
      operationId: 'listLanes',
      tags,
      summary: 'How mail goes from each source to each provider now, and why',
      description,
      querystring: LaneQuery,
      response: { 200: Page(LaneSchema) },
    },
    config: read,
    handler: ({ query }) => {
      const { state = null, mode = null, provider = null, source = null } = query
      return listLanes(deps, { state, mode, provider, source }, query)
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/lanes/orders',
    schema: {
      operationId: 'listLaneOrders',
      tags,
      summary: 'Pauses and limits that people have ordered, newest first',
      description,
      querystring: PageQuery,
      response: { 200: Page(LaneOrderSchema) },
    },
    config: read,
    handler: ({ query }) => listOrders(deps, query),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/lanes/orders/:id',
    schema: {
      operationId: 'deleteLaneOrder',
      tags,
      summary: 'Take back an order: the lanes are as the provider and the limits have them',
      description,
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: write,
    handler: async (request, reply) => {
      await deleteLaneOrder(deps, actorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  registerActions(app, deps)
}

function registerActions(app: App, deps: LaneRouteDeps): void {
  const response = { 200: OrderedSchema, ...problems(404) }
  app.route({
    method: 'POST',
    url: '/v1/lanes/pause',
    schema: {
      operationId: 'pauseLanes',
      tags,
      summary: 'Send nothing there until it is resumed; what waits uses no attempt',
      description,
      body: PauseBody,
      response,
    },
    config: write,
    handler: async (request) => {
      const { reason = PAUSED, ...target } = request.body
      return { order: await pauseLanes(deps, actorOf(request), { ...target, reason }) }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/lanes/resume',
    schema: {
      operationId: 'resumeLanes',
      tags,
      summary: 'End a pause: what waits is due at once',
      description,
      body: TargetBody,
      response: { ...response, ...problems(409) },
    },
    config: write,
    handler: async (request) => ({ order: await resumeLanes(deps, actorOf(request), request.body) }),
  })
  app.route({
    method: 'POST',
    url: '/v1/lanes/limit',
    schema: {
      operationId: 'limitLanes',
      tags,
      summary: 'Set a limit of messages a minute, for a time or until the order is deleted',
      description,
      body: LimitBody,
      response,
    },
    config: write,
    handler: async (request) => ({ order: await limitLanes(deps, actorOf(request), request.body) }),
  })
  app.route({
    method: 'POST',
    url: '/v1/lanes/probe',
    schema: {
      operationId: 'probeLanes',
      tags,
      summary: 'End a suspension early: one message asks whether the provider takes mail again',
      description,
      body: TargetBody,
      response: { ...response, ...problems(409) },
    },
    config: write,
    handler: async (request) => ({ order: await probeLanes(deps, actorOf(request), request.body) }),
  })
}
