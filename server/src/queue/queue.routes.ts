import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { IdParams, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { listQueue, listQueuedCampaigns } from './list-queue.ts'
import { flushQueue, getQueueOrder, purgeQueue, retryQueue } from './order-queue.ts'
import {
  CampaignQueueSchema,
  FlushBody,
  ProviderQueueSchema,
  PurgeBody,
  PurgeSchema,
  QueueOrderSchema,
  RetryBody,
} from './queue.schema.ts'

export interface QueueRouteDeps {
  readonly db: Database
  readonly clock: Clock
}

const tags = ['Queue']
const read = { scope: 'operation:read' } as const
const write = { scope: 'operation:write' } as const

export function registerQueue(app: App, deps: QueueRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/queue',
    schema: {
      operationId: 'listQueue',
      tags,
      summary: 'What waits for each provider, by age, of all tenants',
      querystring: PageQuery,
      response: { 200: Page(ProviderQueueSchema) },
    },
    config: read,
    handler: ({ query }) => listQueue(deps, query),
  })
  app.route({
    method: 'GET',
    url: '/v1/queue/campaigns',
    schema: {
      operationId: 'listQueuedCampaigns',
      tags,
      summary: 'What is left of your campaigns that are not over, newest first',
      querystring: PageQuery,
      response: { 200: Page(CampaignQueueSchema) },
    },
    config: read,
    handler: (request) => listQueuedCampaigns(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/queue/orders/:id',
    schema: {
      operationId: 'getQueueOrder',
      tags,
      summary: 'How far a flush, a retry or a purge is',
      params: IdParams,
      response: { 200: QueueOrderSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => getQueueOrder(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/v1/queue/flush',
    schema: {
      operationId: 'flushQueue',
      tags,
      summary: 'Try now what waits for its next try: of a provider (all tenants), of a campaign, or of both',
      body: FlushBody,
      response: { 202: QueueOrderSchema, ...problems(404) },
    },
    config: write,
    handler: async (request, reply) =>
      reply.code(202).send(await flushQueue(deps, actorOf(request), request.body)),
  })
  app.route({
    method: 'POST',
    url: '/v1/queue/retry',
    schema: {
      operationId: 'retryQueue',
      tags,
      summary: 'Try again what failed or bounced of a campaign for a reason that may have passed',
      description:
        'Of every provider or of one. Such reasons are time that was over, a full mailbox, a network or receiver that was not well, and refusals of the sender; never an unknown recipient or the content. A campaign that was sent is sending again.',
      body: RetryBody,
      response: { 202: QueueOrderSchema, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) =>
      reply.code(202).send(await retryQueue(deps, actorOf(request), request.body)),
  })
  app.route({
    method: 'POST',
    url: '/v1/queue/purge',
    schema: {
      operationId: 'purgeQueue',
      tags,
      summary: 'Cancel for good what waits for a provider (all tenants), of a campaign, or of both',
      description: 'Counts only, unless `confirm` says what the answer without it says.',
      body: PurgeBody,
      response: { 200: PurgeSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => purgeQueue(deps, actorOf(request), request.body),
  })
}
