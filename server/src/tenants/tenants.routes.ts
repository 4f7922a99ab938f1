import type { App } from '#http/app.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { getTenant } from './get-tenant.ts'
import { TenantBody, TenantPoolBody, TenantSchema } from './tenants.schema.ts'
import { setTenantPool, updateTenant } from './update-tenant.ts'

const tags = ['Tenant']

export function registerTenant(app: App, deps: { db: Database; clock: Clock }): void {
  app.route({
    method: 'GET',
    url: '/v1/tenant',
    schema: {
      operationId: 'getTenant',
      tags,
      summary: 'Read your tenant',
      response: { 200: TenantSchema },
    },
    config: { scope: 'tenant:read' },
    handler: (request) => getTenant(deps, who(request).tenantId),
  })
  app.route({
    method: 'PUT',
    url: '/v1/tenant',
    schema: {
      operationId: 'updateTenant',
      tags,
      summary: 'Change its name and time zone',
      body: TenantBody,
      response: { 200: TenantSchema },
    },
    config: { scope: 'tenant:write' },
    handler: (request) => updateTenant(deps, who(request).tenantId, request.body),
  })
  app.route({
    method: 'PUT',
    url: '/v1/tenant/pool',
    schema: {
      operationId: 'setTenantPool',
      tags,
      summary: 'Say which pool its mail leaves from, where a campaign names none',
      body: TenantPoolBody,
      response: { 200: TenantSchema },
    },
    config: { scope: 'sources:write' },
    handler: (request) => setTenantPool(deps, who(request).tenantId, request.body.pool_id),
  })
}
