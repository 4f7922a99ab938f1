import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { addDomain, prepareDomain } from './create-domain.ts'
import { DomainBody, DomainSchema } from './domains.schema.ts'
import { deleteDomain, getDomain, listDomains } from './manage-domains.ts'
import { verifyDomain } from './verify-domain.ts'
import type { VerifyDeps } from './verify-domain.ts'

const tags = ['Domains']

export function registerDomains(app: App, deps: VerifyDeps & { keys: Keys }): void {
  app.route({
    method: 'GET',
    url: '/v1/domains',
    schema: {
      operationId: 'listDomains',
      tags,
      summary: 'List sending domains, newest first',
      querystring: PageQuery,
      response: { 200: Page(DomainSchema) },
    },
    config: { scope: 'domains:read' },
    handler: (request) => listDomains(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'POST',
    url: '/v1/domains',
    schema: {
      operationId: 'createDomain',
      tags,
      summary: 'Add a sending domain; the answer says which DNS records to publish',
      body: DomainBody,
      response: { 201: DomainSchema, ...problems(409) },
    },
    config: { scope: 'domains:write', idempotent: true },
    handler: async (request, reply) => {
      const prepared = await prepareDomain(deps, request.body)
      return idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await addDomain(deps, transaction, who(request).tenantId, prepared),
      }))
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/domains/:id',
    schema: {
      operationId: 'getDomain',
      tags,
      summary: 'Read a domain',
      params: IdParams,
      response: { 200: DomainSchema, ...problems(404) },
    },
    config: { scope: 'domains:read' },
    handler: (request) => getDomain(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/domains/:id',
    schema: {
      operationId: 'deleteDomain',
      tags,
      summary: 'Delete a domain and its keys',
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: { scope: 'domains:write' },
    handler: async (request, reply) => {
      await deleteDomain(deps, who(request).tenantId, request.params.id)
      reply.code(204)
      return null
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/domains/:id/verify',
    schema: {
      operationId: 'verifyDomain',
      tags,
      summary: 'Look up the DNS records of a domain now',
      params: IdParams,
      response: { 200: DomainSchema, ...problems(404, 409) },
    },
    config: { scope: 'domains:write' },
    handler: (request) => verifyDomain(deps, who(request).tenantId, request.params.id),
  })
}
