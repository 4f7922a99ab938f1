import { randomUUID } from 'node:crypto'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { uuidv7 } from '#platform/ids.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { registerAnalytics } from './analytics.routes.ts'
import { registerExports } from './exports.routes.ts'

/** The routes of analytics and exports, with two tenants. */
export async function analyticsApi(deps: { readonly analytics: Analytics; readonly objects: Objects }) {
  const api = await testApi({
    register: (app, access) => {
      registerAnalytics(app, { ...access, ...deps })
      registerExports(app, { ...access, ...deps })
    },
  })
  const [mine, theirs] = [await api.signUp(), await api.signUp()]
  const get = async (path: string, token: string = mine.token) => {
    const reply = await api.call('GET', path, { token })
    return {
      status: reply.statusCode,
      text: reply.payload,
      headers: reply.headers,
      body: jsonOf(reply.payload),
    }
  }
  return { ...api, mine, theirs, get }
}

// Tests look into any answer; what they expect they compare.
// oxlint-disable-next-line typescript/no-explicit-any
function jsonOf(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A row of `email_events`. `id` of the message says that it was accepted 2 s before. */
export function sampleRow(
  tenantId: string,
  at: string,
  more: Readonly<Record<string, unknown>> = {},
): object {
  return {
    tenant_id: tenantId,
    campaign_id: '00000000-0000-0000-0000-000000000000',
    contact_id: randomUUID(),
    message_id: uuidv7(),
    event_type: 'delivered',
    provider: 'google',
    source: '192.0.2.1',
    domain: 'gmail.example',
    attempt: 1,
    code: 250,
    reply: '250 OK',
    waited_ms: 2_000,
    timestamp: at,
    ...more,
  }
}

/** For tests that make no files. */
export const noObjects: Objects = {
  put: async () => Promise.reject(new Error('There are no objects in this test.')),
  get: async () => Promise.reject(new Error('There are no objects in this test.')),
  stat: async () => undefined,
  delete: async () => undefined,
}
