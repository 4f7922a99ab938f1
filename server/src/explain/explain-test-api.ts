import { sql } from 'kysely'
import { registerDomains } from '#domains/domains.routes.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { openAnalytics } from '#platform/analytics/open-analytics.ts'
import { DEFAULT_SOURCE_ID } from '#sources/source.ts'
import { deliveryView, rehearsalDeps, shippedShaping } from '@pigeon/server/test/delivery-view.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { registerExplain } from './explain.routes.ts'

export const NOBODY = '01900000-0000-7000-8000-000000000000'

/** The routes of explanations, with a name server of the test's own and an owner whose domain example.org is verified. */
export async function explainApi(options: { readonly dnsServer: string; readonly analytics?: Analytics }) {
  const shaping = await shippedShaping()
  const published = new Map<string, string>()
  const api = await testApi({
    publishRecords: async (records) => {
      for (const { name, value } of records) published.set(name, value)
    },
    resolveTxt: async (name) => [(published.get(name) ?? '').match(/.{1,255}/g) ?? []],
    register: (app, deps) => {
      registerDomains(app, deps)
      registerExplain(app, {
        ...deps,
        ...rehearsalDeps,
        analytics: options.analytics ?? openAnalytics({ socketPath: '/nobody-listens' }),
        delivery: deliveryView({ db: deps.db, shaping, dnsServer: options.dnsServer }),
      })
    },
  })
  const owner = await api.signUp()
  const call = async (method: 'GET' | 'POST', url: string, body?: object, token: string = owner.token) => {
    const reply = await api.call(method, url, body === undefined ? { token } : { token, body })
    return { status: reply.statusCode, body: reply.json<Answer>() }
  }
  const domain = await call('POST', '/v1/domains', { name: 'example.org' })
  await call('POST', `/v1/domains/${String(domain.body['id'])}/verify`)
  return { ...api, owner, call }
}

/** What tests read of any answer. */
export interface Answer {
  readonly [name: string]: unknown
  readonly code?: string
  readonly verdict?: string
  readonly explanation?: string
  readonly obstacles?: readonly { readonly code: string; readonly message: string }[]
  readonly sources?: readonly {
    readonly source: string
    readonly state: string
    readonly can_send: boolean
  }[]
}

export type ExplainApi = Awaited<ReturnType<typeof explainApi>>

/** What the lane of the default source to a provider has learned. */
export async function learn(
  api: ExplainApi,
  provider: string,
  lane: { readonly state: string; readonly reason?: string; readonly until?: Date; readonly pace?: number },
): Promise<void> {
  const health = {
    state: lane.state,
    pace: lane.pace ?? null,
    ceiling: null,
    strikes: 0,
    until: lane.until?.toISOString() ?? null,
    blocked: null,
    reason: lane.reason ?? null,
  }
  await sql`
    insert into lanes (mode, provider, source_id, source, state, reason, until, memory, warming, per_minute, refused_share,
                       active, connections, since, updated_at)
    values ('sandbox', ${provider}, ${DEFAULT_SOURCE_ID}, 'default', ${lane.state}, ${lane.reason ?? null}, ${lane.until ?? null},
            ${JSON.stringify({ health, warmUp: null })}, false, 0, 0, 0, 0, now(), now())
    on conflict (mode, provider, source_id) do update
      set state = excluded.state, reason = excluded.reason, until = excluded.until, memory = excluded.memory`.execute(
    api.database.admin,
  )
}
