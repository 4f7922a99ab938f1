import { registerCampaigns } from '#campaigns/campaigns.routes.ts'
import { relayFaults } from '#delivery/relays/source-relay.ts'
import { openAnalytics } from '#platform/analytics/open-analytics.ts'
import { registerTenant } from '#tenants/tenants.routes.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import type { NameLookups } from './name-lookups.ts'
import { registerPools } from './pools.routes.ts'
import { registerRoutingRules } from './routing-rules.routes.ts'
import { registerSources } from './sources.routes.ts'

export const NOBODY = '01900000-0000-7000-8000-000000000000'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** A DNS of the test's own: what stands in these maps is found. */
export function fakeNames() {
  const names = new Map<string, string[]>()
  const addresses = new Map<string, string[]>()
  const found = async (map: Map<string, string[]>, key: string): Promise<string[]> => {
    const values = map.get(key)
    if (values === undefined) throw Object.assign(new Error('none'), { code: 'ENOTFOUND' })
    if (values[0] === 'SERVFAIL') throw Object.assign(new Error('broken'), { code: 'ESERVFAIL' })
    return values
  }
  const lookups: NameLookups = {
    namesOf: (address) => found(names, address),
    addressesOf: (name) => found(addresses, name),
  }
  return { names, addresses, lookups }
}

/** The routes of sources and pools, and of who names a pool, with an owner signed in. */
export async function sourcesApi() {
  const dns = fakeNames()
  const api = await testApi({
    register: (app, deps) => {
      registerSources(app, {
        ...deps,
        names: dns.lookups,
        ehloName: 'mail.example.com',
        relayFaults: (relay) => relayFaults({ allowPrivate: false }, relay),
        mayLeaveFrom: (address) => !address.startsWith('127.'),
      })
      registerPools(app, deps)
      registerRoutingRules(app, {
        ...deps,
        providerOf: async (domain) => (domain === 'gmail.com' ? 'google' : domain),
      })
      registerTenant(app, deps)
      registerCampaigns(app, { ...deps, analytics: openAnalytics({ socketPath: '/nobody-listens' }) })
    },
  })
  const owner = await api.signUp()
  const call = async (method: Method, url: string, body?: object, token: string = owner.token) => {
    const reply = await api.call(method, url, body === undefined ? { token } : { token, body })
    return { status: reply.statusCode, body: reply.body === '' ? {} : reply.json<Answer>() }
  }
  const make = async (url: string, body: object): Promise<Answer> => {
    const made = await call('POST', url, body)
    if (made.status !== 201) throw new Error(`POST ${url} answered ${made.status}: ${made.body['detail']}`)
    return made.body
  }
  return {
    ...api,
    dns,
    call,
    request: api.call,
    makeSource: (name: string, more: object = {}) => make('/v1/sources', { name, kind: 'ip', ...more }),
    makePool: (name: string, more: object = {}) => make('/v1/pools', { name, ...more }),
    makeCampaign: (more: object = {}) =>
      make('/v1/campaigns', { name: 'Spring', from_email: 'a@example.com', ...more }),
  }
}

/** What tests read of any answer. */
export interface Answer {
  readonly [name: string]: unknown
  readonly id?: string
  readonly code?: string
  readonly detail?: string
  readonly data?: readonly Answer[]
  readonly errors?: readonly { readonly field: string; readonly code: string }[]
  readonly next_cursor?: string | null
}
