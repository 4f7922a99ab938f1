import type { App } from '#http/app.ts'
import { NoContent, problems } from '#http/schemas.ts'
import { scopesOfRole } from '#http/scopes.ts'
import { who } from '#http/who.ts'
import type { Identity } from '#http/who.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { getTenant } from '#tenants/get-tenant.ts'
import { createOwner, isSetupNeeded } from './create-owner.ts'
import type { SetupDeps } from './create-owner.ts'
import type { IdentityCache } from './identity-cache.ts'
import { LoginBody, LoginResult, MeSchema, SetupBody, SetupResult, SetupStatus } from './identity.schema.ts'
import { logIn } from './log-in.ts'
import type { LogInDeps } from './log-in.ts'
import { logOut } from './log-out.ts'
import { selectUser } from './users.store.ts'

export function registerSetup(app: App, deps: SetupDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/setup',
    schema: {
      operationId: 'getSetup',
      tags: ['Setup'],
      summary: 'Does this installation need its first owner?',
      response: { 200: SetupStatus },
    },
    config: { public: true },
    handler: async () => ({ needed: await isSetupNeeded(deps) }),
  })
  app.route({
    method: 'POST',
    url: '/v1/setup',
    schema: {
      operationId: 'createOwner',
      tags: ['Setup'],
      summary: 'Create the first tenant and its owner, once',
      body: SetupBody,
      response: { 201: SetupResult, ...problems(409) },
    },
    config: { public: true },
    handler: async (request, reply) => {
      const {
        email,
        password,
        first_name: firstName,
        last_name: lastName,
        tenant_name: tenantName,
        time_zone: timeZone,
      } = request.body
      const made = await createOwner(deps, { email, password, firstName, lastName, tenantName, timeZone })
      reply.code(201)
      return made
    },
  })
}

export function registerAuth(app: App, deps: LogInDeps & { identities: IdentityCache }): void {
  const tags = ['Authentication']
  app.route({
    method: 'POST',
    url: '/v1/auth/login',
    schema: {
      operationId: 'login',
      tags,
      summary: 'Sign in with a password; the access token is good for 24 hours',
      body: LoginBody,
      response: { 200: LoginResult, ...problems(401, 429) },
    },
    config: { public: true },
    handler: (request) => logIn(deps, { ...request.body, address: request.ip }),
  })
  app.route({
    method: 'POST',
    url: '/v1/auth/logout',
    schema: {
      operationId: 'logout',
      tags,
      summary: 'End this session',
      response: { 204: NoContent, ...problems(409) },
    },
    config: { authenticated: true },
    handler: async (request, reply) => {
      await logOut(deps, who(request))
      reply.code(204)
      return null
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/me',
    schema: {
      operationId: 'getMe',
      tags,
      summary: 'Who am I, and what may I do?',
      response: { 200: MeSchema },
    },
    config: { authenticated: true },
    handler: (request) => describeCaller(deps, who(request)),
  })
}

async function describeCaller(deps: { db: Database }, caller: Identity) {
  const [tenant, user] = await Promise.all([
    getTenant(deps, caller.tenantId),
    asTenant(deps.db, caller.tenantId, (transaction) => selectUser(transaction, caller.userId)),
  ])
  if (user === undefined)
    throw new Problem('unauthenticated', 'auth.session_over', 'This account does not exist any more.')
  const scopes = caller.scopes === 'all' ? scopesOfRole(caller.role) : caller.scopes
  return { user, tenant, scopes: [...scopes], mode: caller.mode, api_key_id: caller.apiKeyId ?? null }
}
