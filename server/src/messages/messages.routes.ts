import { findCampaign } from '#campaigns/get-campaign.ts'
import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { IdParams, Page, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { getMessage } from './get-message.ts'
import {
  MessageSchema,
  SandboxMessageSchema,
  SandboxMessageSummarySchema,
  SandboxQuery,
  SandboxStatsQuery,
  SandboxStatsSchema,
  SequenceParams,
} from './messages.schema.ts'
import {
  getSandboxMessage,
  getSandboxRaw,
  listSandbox,
  sandboxStats,
  type SandboxDeps,
} from './sandbox-inbox.ts'

export interface MessageRouteDeps extends SandboxDeps {
  readonly analytics: Analytics
}

export function registerMessages(app: App, deps: MessageRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/messages/:id',
    schema: {
      operationId: 'getMessage',
      tags: ['Messages'],
      summary: 'A message, its timeline and every attempt with its SMTP transcript',
      params: IdParams,
      response: { 200: MessageSchema, ...problems(404) },
    },
    config: { scope: 'messages:read' },
    handler: (request) => getMessage(deps, who(request).tenantId, request.params.id),
  })
}

/** The sandbox inbox: what the windtunnel received. */
export function registerSandbox(app: App, deps: SandboxDeps): void {
  const tags = ['Sandbox']
  const config = { scope: 'sandbox:read' } as const
  app.route({
    method: 'GET',
    url: '/v1/sandbox/messages',
    schema: {
      operationId: 'listSandboxMessages',
      tags,
      summary: 'What the windtunnel received, newest first',
      querystring: SandboxQuery,
      response: { 200: Page(SandboxMessageSummarySchema) },
    },
    config,
    handler: (request) => listSandbox(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/sandbox/messages/:sequence',
    schema: {
      operationId: 'getSandboxMessage',
      tags,
      summary: 'A received message: headers, parts and DKIM verdict',
      params: SequenceParams,
      response: { 200: SandboxMessageSchema, ...problems(404) },
    },
    config,
    handler: (request) => getSandboxMessage(deps, who(request).tenantId, request.params.sequence),
  })
  app.route({
    method: 'GET',
    url: '/v1/sandbox/messages/:sequence/raw',
    schema: {
      operationId: 'getSandboxMessageSource',
      tags,
      summary: 'A received message as it came, byte for byte',
      params: SequenceParams,
      produces: ['message/rfc822'],
      response: {
        200: Type.Unsafe<Buffer>(Type.String({ description: 'message/rfc822' })),
        ...problems(404),
      },
    },
    config,
    handler: async (request, reply) =>
      reply
        .type('message/rfc822')
        .send(await getSandboxRaw(deps, who(request).tenantId, request.params.sequence)),
  })
  app.route({
    method: 'GET',
    url: '/v1/sandbox/stats',
    schema: {
      operationId: 'getSandboxStats',
      tags,
      summary: 'How much of a campaign arrived, and how much of it twice',
      querystring: SandboxStatsQuery,
      response: { 200: SandboxStatsSchema, ...problems(404) },
    },
    config,
    handler: async (request) => {
      await findCampaign(deps, who(request).tenantId, request.query.campaign_id)
      return sandboxStats(deps, request.query.campaign_id)
    },
  })
}
