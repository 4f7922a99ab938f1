import { createApp } from '#http/app.ts'
import { systemClock } from '#platform/clock.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { createLog } from '#platform/log.ts'
import { registerRoutes } from '#roles/routes.ts'
import type { RouteDeps } from '#roles/routes.ts'
import { typesOf } from '@pigeon/sdk/generate-types.ts'

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
  registerRoutes(app, unused(await openFileKeys({ dataDir: '', masterKey: NO_KEY })))
  await app.ready()
  try {
    return app.swagger()
  } finally {
    await app.close()
  }
}

/** 32 bytes in base64. Nothing is signed or encrypted with it. */
const NO_KEY = Buffer.alloc(32).toString('base64')

/** Stands for what handlers use: it can be passed on, and complains when somebody calls it. Keys alone are real. */
function unused(keys: Keys): RouteDeps {
  const stand: unknown = new Proxy(() => undefined, {
    get: (_target, name) => (name === 'keys' ? keys : stand),
    apply: () => {
      throw new Error('A route may use its dependencies in its handler only, not while it is registered.')
    },
  })
  // It is never looked into: registering a route only keeps it for later.
  return stand as RouteDeps
}
