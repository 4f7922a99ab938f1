import { createApp } from '../server/src/http/app.ts'
import { systemClock } from '../server/src/platform/clock.ts'
import { createLog } from '../server/src/platform/log.ts'
import { registerRoutes } from '../server/src/roles/routes.ts'
import type { RouteDeps } from '../server/src/roles/routes.ts'
import { typesOf } from '../sdk/typescript/generate-types.ts'

/** The API document and the SDK's types, from the routes as they are registered. Nothing is connected or listens. */
export async function apiFiles(): Promise<Record<string, string>> {
  const document = await apiDocument()
  return {
    'contract/openapi.json': `${JSON.stringify(document, null, 2)}\n`,
    'sdk/typescript/src/api.gen.ts': await typesOf(document),
  }
}

export async function apiDocument(): Promise<object> {
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'generate' }),
    clock: systemClock,
    authenticate: async () =>
      Promise.reject(new Error('No request is answered while the contract is written.')),
  })
  registerRoutes(app, unused())
  await app.ready()
  try {
    return app.swagger()
  } finally {
    await app.close()
  }
}

/** Stands for what handlers use: it can be passed on, and complains when somebody calls it. */
function unused(): RouteDeps {
  const stand: unknown = new Proxy(() => undefined, {
    get: () => stand,
    apply: () => {
      throw new Error('A route may use its dependencies in its handler only, not while it is registered.')
    },
  })
  // It is never looked into: registering a route only keeps it for later.
  return stand as RouteDeps
}
