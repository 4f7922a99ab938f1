import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import {
  createRule,
  deleteRule,
  listRules,
  orderRules,
  replaceRule,
  testRoute,
} from './manage-routing-rules.ts'
import {
  NewRuleBody,
  RouteTestBody,
  RouteTestSchema,
  RuleBody,
  RuleOrderBody,
  RuleSchema,
  RulesSchema,
} from './routing-rules.schema.ts'
import { OF_INSTALLATION } from './sources.routes.ts'

export interface RoutingRuleDeps {
  readonly db: Database
  readonly clock: Clock
  /** Who runs the mailboxes of a domain. */
  readonly providerOf: (domain: string) => Promise<string>
}

const tags = ['Routing rules']
const read = { scope: 'sources:read' } as const
const write = { scope: 'sources:write' } as const
const description = OF_INSTALLATION

export function registerRoutingRules(app: App, deps: RoutingRuleDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/routing-rules',
    schema: {
      operationId: 'listRoutingRules',
      tags,
      summary: 'List routing rules, in the order in which they are asked',
      description,
      response: { 200: RulesSchema },
    },
    config: read,
    handler: () => listRules(deps),
  })
  app.route({
    method: 'POST',
    url: '/v1/routing-rules',
    schema: {
      operationId: 'createRoutingRule',
      tags,
      summary: 'Add a rule that names the pool of messages, before campaign, tenant and class are asked',
      description,
      body: NewRuleBody,
      response: { 201: RuleSchema, ...problems(429) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await createRule(deps, transaction, request.body),
      })),
  })
  app.route({
    method: 'PUT',
    url: '/v1/routing-rules/order',
    schema: {
      operationId: 'orderRoutingRules',
      tags,
      summary: 'Say in which order they are asked',
      description,
      body: RuleOrderBody,
      response: { 200: RulesSchema },
    },
    config: write,
    handler: (request) => orderRules(deps, request.body.ids),
  })
  registerOneRule(app, deps)
}

function registerOneRule(app: App, deps: RoutingRuleDeps): void {
  app.route({
    method: 'PUT',
    url: '/v1/routing-rules/:id',
    schema: {
      operationId: 'replaceRoutingRule',
      tags,
      summary: 'Replace a rule; its position stays',
      description,
      params: IdParams,
      body: RuleBody,
      response: { 200: RuleSchema, ...problems(404) },
    },
    config: write,
    handler: (request) => replaceRule(deps, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/routing-rules/:id',
    schema: {
      operationId: 'deleteRoutingRule',
      tags,
      summary: 'Delete a rule',
      description,
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: write,
    handler: async (request, reply) => {
      await deleteRule(deps, request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/routing-rules/test',
    schema: {
      operationId: 'testRoutingRules',
      tags,
      summary: 'Say which pool a message of yours would leave from now, and why',
      description,
      body: RouteTestBody,
      response: { 200: RouteTestSchema },
    },
    config: read,
    handler: async (request) => {
      const { recipient_domain, message_class = 'bulk', ...rest } = request.body
      const provider = await deps.providerOf(recipient_domain.toLowerCase())
      return testRoute(deps, who(request).tenantId, { ...rest, message_class, provider })
    },
  })
}
