import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import { getDelivery, getWebhook, listDeliveries, listWebhooks } from './read-webhooks.ts'
import { replayDeliveries, replayDelivery, testWebhook } from './replay-deliveries.ts'
import {
  DeliveryDetailSchema,
  DeliveryParams,
  DeliveryQuery,
  DeliverySchema,
  NewWebhookBody,
  ReplayBody,
  ReplayedSchema,
  RotateBody,
  WebhookBody,
  WebhookSchema,
  WebhookWithSecretSchema,
} from './webhooks.schema.ts'
import {
  createWebhook,
  deleteWebhook,
  rotateSecret,
  updateWebhook,
  type WebhookDeps,
} from './write-webhook.ts'

const tags = ['Webhooks']
const read = { scope: 'webhooks:read' } as const
const write = { scope: 'webhooks:write' } as const
const ROTATED_HOURS = 24

export function registerWebhooks(app: App, deps: WebhookDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/webhooks',
    schema: {
      operationId: 'listWebhooks',
      tags,
      summary: 'List webhooks, newest first',
      querystring: PageQuery,
      response: { 200: Page(WebhookSchema) },
    },
    config: read,
    handler: (request) => listWebhooks(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'POST',
    url: '/v1/webhooks',
    schema: {
      operationId: 'createWebhook',
      tags,
      summary:
        'Have your server told what happens; the answer has the secret that signatures are checked with',
      body: NewWebhookBody,
      response: { 201: WebhookWithSecretSchema, ...problems(409, 429) },
    },
    config: { ...write, idempotent: true },
    // The answer holds the secret, so what is kept of it for a replay is encrypted.
    handler: (request, reply) =>
      idempotent({ ...deps, seal: deps.keys }, request, reply, async (transaction) => ({
        status: 201,
        body: await createWebhook(deps, transaction, actorOf(request), request.body),
      })),
  })
  app.route({
    method: 'GET',
    url: '/v1/webhooks/:id',
    schema: {
      operationId: 'getWebhook',
      tags,
      summary: 'Read a webhook',
      params: IdParams,
      response: { 200: WebhookSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => getWebhook(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/v1/webhooks/:id',
    schema: {
      operationId: 'updateWebhook',
      tags,
      summary: 'Replace what is said of a webhook, disable it or enable it again',
      params: IdParams,
      body: WebhookBody,
      response: { 200: WebhookSchema, ...problems(404) },
    },
    config: write,
    handler: (request) => updateWebhook(deps, actorOf(request), request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/webhooks/:id',
    schema: {
      operationId: 'deleteWebhook',
      tags,
      summary: 'Delete a webhook, and what waits for it',
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: write,
    handler: async (request, reply) => {
      await deleteWebhook(deps, actorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/webhooks/:id/rotate',
    schema: {
      operationId: 'rotateWebhookSecret',
      tags,
      summary: 'Make a new secret; the one before signs as well for a while',
      params: IdParams,
      body: RotateBody,
      response: { 200: WebhookWithSecretSchema, ...problems(404, 409) },
    },
    config: { ...write, idempotent: true },
    handler: (request, reply) => {
      const rotation = { id: request.params.id, keepHours: request.body.keep_hours ?? ROTATED_HOURS }
      return idempotent({ ...deps, seal: deps.keys }, request, reply, async (transaction) => ({
        status: 200,
        body: await rotateSecret(deps, transaction, actorOf(request), rotation),
      }))
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/webhooks/:id/test',
    schema: {
      operationId: 'testWebhook',
      tags,
      summary: 'Send an event webhook.test; its delivery says how that went',
      params: IdParams,
      response: { 202: DeliverySchema, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      reply.code(202)
      return testWebhook(deps, actorOf(request), request.params.id)
    },
  })
  registerDeliveries(app, deps)
}

function registerDeliveries(app: App, deps: WebhookDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/webhooks/:id/deliveries',
    schema: {
      operationId: 'listWebhookDeliveries',
      tags,
      summary: 'What it was told and how that went, newest first',
      params: IdParams,
      querystring: DeliveryQuery,
      response: { 200: Page(DeliverySchema), ...problems(404) },
    },
    config: read,
    handler: (request) => {
      const { state = null, event = null, subject_id: subjectId = null, ...page } = request.query
      return listDeliveries(deps, who(request).tenantId, request.params.id, {
        ...page,
        state,
        event,
        subjectId,
      })
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/webhooks/:id/deliveries/:delivery_id',
    schema: {
      operationId: 'getWebhookDelivery',
      tags,
      summary: 'Read a delivery: the request, and what was answered each time',
      params: DeliveryParams,
      response: { 200: DeliveryDetailSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => getDelivery(deps, who(request).tenantId, keyOf(request.params)),
  })
  app.route({
    method: 'POST',
    url: '/v1/webhooks/:id/deliveries/:delivery_id/replay',
    schema: {
      operationId: 'replayWebhookDelivery',
      tags,
      summary: 'Deliver it again, with the same id',
      params: DeliveryParams,
      response: { 202: DeliverySchema, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      reply.code(202)
      return replayDelivery(deps, actorOf(request), keyOf(request.params))
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/webhooks/:id/replay',
    schema: {
      operationId: 'replayWebhookDeliveries',
      tags,
      summary: 'Deliver a range again, or everything that has failed',
      params: IdParams,
      body: ReplayBody,
      response: { 202: ReplayedSchema, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      reply.code(202)
      const { state = null, event = null, from, to } = request.body
      const range = { state, event, from: dateOf(from), to: dateOf(to) }
      return replayDeliveries(deps, actorOf(request), request.params.id, range)
    },
  })
}

function keyOf({ id, delivery_id }: { readonly id: string; readonly delivery_id: string }) {
  return { webhookId: id, id: delivery_id }
}

function dateOf(text: string | undefined): Date | null {
  return text === undefined ? null : new Date(text)
}
