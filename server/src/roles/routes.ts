import { registerDomains } from '#domains/domains.routes.ts'
import type { VerifyDeps } from '#domains/verify-domain.ts'
import type { App } from '#http/app.ts'
import { registerApiKeys } from '#identity/api-keys.routes.ts'
import type { ApiKeyRouteDeps } from '#identity/api-keys.routes.ts'
import type { SetupDeps } from '#identity/create-owner.ts'
import { registerAuth, registerSetup } from '#identity/identity.routes.ts'
import type { LogInDeps } from '#identity/log-in.ts'
import { registerTenant } from '#tenants/tenants.routes.ts'

export interface RouteDeps extends SetupDeps, LogInDeps, ApiKeyRouteDeps, VerifyDeps {}

/** Every route of the public API: what the api role serves, and what the contract is written from. */
export function registerRoutes(app: App, deps: RouteDeps): void {
  registerSetup(app, deps)
  registerAuth(app, deps)
  registerApiKeys(app, deps)
  registerTenant(app, deps)
  registerDomains(app, deps)
}
