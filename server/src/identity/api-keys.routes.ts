import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Database } from '#platform/postgres/database.ts'
import { createApiKey } from './create-api-key.ts'
import type { IdentityCache } from './identity-cache.ts'
import { ApiKeyBody, ApiKeySchema, NewApiKeySchema } from './identity.schema.ts'
import { listApiKeys, revokeApiKey } from './manage-api-keys.ts'

export interface ApiKeyRouteDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  readonly identities: IdentityCache
}

const tags = ['API keys']

export function registerApiKeys(app: App, deps: ApiKeyRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/api-keys',
    schema: {
      operationId: 'listApiKeys',
      tags,
      summary: 'List API keys, newest first',
      querystring: PageQuery,
      response: { 200: Page(ApiKeySchema) },
    },
    config: { scope: 'api-keys:read' },
    handler: (request) => listApiKeys(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'POST',
    url: '/v1/api-keys',
    schema: {
      operationId: 'createApiKey',
      tags,
      summary: 'Create an API key',
      body: ApiKeyBody,
      response: { 201: NewApiKeySchema },
    },
    config: { scope: 'api-keys:write', idempotent: true },
    handler: (request, reply) => {
      const { name, scopes, mode, expires_at: expires } = request.body
      const input = { name, scopes, mode, expiresAt: expires === undefined ? undefined : new Date(expires) }
      // The answer holds the key, so what is kept of it for a replay is encrypted.
      return idempotent({ ...deps, seal: deps.keys }, request, reply, async (transaction) => ({
        status: 201,
        body: await createApiKey(deps, transaction, who(request), input),
      }))
    },
  })
  app.route({
    method: 'DELETE',
    url: '/v1/api-keys/:id',
    schema: {
      operationId: 'revokeApiKey',
      tags,
      summary: 'Revoke an API key',
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: { scope: 'api-keys:write' },
    handler: async (request, reply) => {
      await revokeApiKey(deps, who(request).tenantId, request.params.id)
      reply.code(204)
      return null
    },
  })
}
