import { randomUUID } from 'node:crypto'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { uuidv7 } from '#platform/ids.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { registerAnalytics } from './analytics.routes.ts'
import type { Counts } from './counts.ts'
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
      get body() {
        return reply.json<Answer>()
      },
    }
  }
  return { ...api, mine, theirs, get }
}

/** What tests read of any answer: each has some of it. */
export interface Answer {
  readonly id: string
  readonly code: string
  readonly errors: readonly { readonly field: string }[]
  readonly state: string
  readonly error: string
  readonly download: string
  readonly progress: number
  readonly rows_total: number
  readonly rows_done: number
  readonly size_bytes: number
  readonly totals: Totals
  readonly previous?: Totals | null
  readonly series: readonly { readonly at: string; readonly counts: Counts }[]
  readonly data: readonly (Totals & {
    readonly id: string
    readonly name: string | null
    readonly first_event_at: string
    readonly bounce_classes: readonly { readonly class: string; readonly count: number }[]
    readonly time_to_deliver_ms: { readonly p50: number; readonly p99: number } | null
    readonly weekday: number
    readonly hour: number
    readonly handed: number
    readonly opened: number
  })[]
  readonly has_more: boolean
  readonly next_cursor: string | null
}

interface Totals {
  readonly counts: Counts
  readonly opened_messages: number
  readonly clicked_messages: number
  readonly rates: { readonly open: number | null }
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
