import { randomBytes } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import { registerDomains } from '#domains/domains.routes.ts'
import type { VerifyDeps } from '#domains/verify-domain.ts'
import { createApp } from '#http/app.ts'
import type { App } from '#http/app.ts'
import type { Authenticate } from '#http/who.ts'
import type { Role } from '#http/scopes.ts'
import { openAccessTokens } from '#identity/access-tokens.ts'
import { registerApiKeys } from '#identity/api-keys.routes.ts'
import type { ApiKeyRouteDeps } from '#identity/api-keys.routes.ts'
import { createAuthenticate } from '#identity/authenticate.ts'
import type { SetupDeps } from '#identity/create-owner.ts'
import { createUser } from '#identity/create-user.ts'
import { createIdentityCache } from '#identity/identity-cache.ts'
import { registerAuth, registerSetup } from '#identity/identity.routes.ts'
import { logIn } from '#identity/log-in.ts'
import type { LogInDeps } from '#identity/log-in.ts'
import { createPasswords } from '#identity/passwords.ts'
import { createMemoryCache } from '#platform/cache/memory-cache.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { createLog } from '#platform/log.ts'
import { createTenant } from '#tenants/create-tenant.ts'
import { registerTenant } from '#tenants/tenants.routes.ts'
import { testDatabase } from './database.ts'
import { manualClock } from './manual-clock.ts'

export const PASSWORD = 'correct horse battery'

export type TestApi = Awaited<ReturnType<typeof testApi>>

interface TestApiOptions extends Partial<
  Pick<VerifyDeps, 'resolveTxt' | 'publishRecords' | 'installationMode'>
> {
  /** Which routes: those of people, keys, tenants and domains unless said otherwise. */
  readonly register?: (app: App, deps: AccessDeps) => void
}

export type AccessDeps = SetupDeps &
  LogInDeps &
  ApiKeyRouteDeps &
  VerifyDeps & { readonly authenticate: Authenticate }

function registerAccess(app: App, deps: AccessDeps): void {
  registerSetup(app, deps)
  registerAuth(app, deps)
  registerApiKeys(app, deps)
  registerTenant(app, deps)
  registerDomains(app, deps)
}

/** Routes on a database of the test's own. */
export async function testApi(options: TestApiOptions = {}) {
  const database = await testDatabase()
  const clock = manualClock()
  const log = createLog({ level: 'silent', role: 'test' })
  const keys = await openFileKeys({ dataDir: '', masterKey: randomBytes(32).toString('base64') })
  const tokens = await openAccessTokens({ db: database.api, clock, keys })
  const deps = {
    db: database.api,
    clock,
    keys,
    tokens,
    cache: createMemoryCache({ clock }),
    passwords: createPasswords(),
    identities: createIdentityCache({ clock }),
    resolveTxt: options.resolveTxt ?? (async () => Promise.reject(new Error('No DNS in this test.'))),
    installationMode: options.installationMode ?? ('sandbox' as const),
    ...(options.publishRecords === undefined ? {} : { publishRecords: options.publishRecords }),
  }
  const authenticate = createAuthenticate(deps)
  const app: App = await createApp({ log, clock, authenticate })
  const register = options.register ?? registerAccess
  register(app, { ...deps, authenticate })
  await app.ready()

  const member = async (tenantId: string, role: Role) => {
    const email = `${role}.${randomBytes(4).toString('hex')}@example.com`
    const user = await createUser(deps, tenantId, { email, password: PASSWORD, role })
    const { access_token: token } = await logIn(deps, { email, password: PASSWORD, address: '127.0.0.1' })
    return { tenantId, userId: user.id, email, token }
  }
  return {
    app,
    database,
    clock,
    deps,
    member,
    /** A new tenant with somebody in it, signed in. */
    signUp: async (role: Role = 'owner', mode: 'sandbox' | 'live' = 'sandbox') => {
      const tenant = await createTenant(deps, { name: 'Example Ltd', mode })
      return member(tenant.id, role)
    },
    call: async (
      method: 'GET' | 'POST' | 'PUT' | 'DELETE',
      url: string,
      input: { token?: string; body?: object; headers?: Record<string, string> } = {},
    ) => {
      const headers = {
        ...input.headers,
        ...(input.token === undefined ? {} : { authorization: `Bearer ${input.token}` }),
      }
      const request: InjectOptions = { method, url, headers }
      return app.inject(input.body === undefined ? request : { ...request, payload: input.body })
    },
  }
}
