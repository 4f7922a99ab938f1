import { sql } from 'kysely'
import { Client } from 'pg'
import { registerAlerts } from '#alerts/alerts.routes.ts'
import { registerAudit } from '#audit/audit.routes.ts'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import { registerLanes } from '#lanes/lanes.routes.ts'
import { carryOutQueueOrders } from '#queue/carry-out-orders.ts'
import { registerQueue } from '#queue/queue.routes.ts'
import { registerSystem } from '#system/system.routes.ts'
import type { TestScope } from './database.ts'
import { sampleCampaign, sampleRoute, sampleShard, sampleTenant, testStream } from './factories.ts'
import { testApi } from './test-api.ts'

export const NOBODY = '01900000-0000-7000-8000-000000000000'
/** In which both providers of these tests are. */
export const SHARD = 2
const SOURCE = '00000000-0000-7000-8000-000000000001'

/** What tests read of any answer. */
export interface Answer {
  readonly [name: string]: unknown
  readonly id?: string
  readonly code?: string
  readonly data: readonly Answer[]
  readonly next_cursor?: string | null
}

const NOTHING: Answer = { data: [] }

type Method = 'GET' | 'POST' | 'DELETE'

/** What an operator may ask, an owner signed in, and a campaign to google and yahoo in turns that waits. */
export async function operationApi(scope: TestScope, contacts = 0) {
  const api = await testApi({
    register: (app, deps) => {
      for (const register of [registerLanes, registerQueue, registerAlerts, registerSystem, registerAudit])
        register(app, deps)
    },
  })
  const { database, clock } = api
  const stream = await testStream(scope, database)
  await sampleRoute(database, 'google.example', 'google', SHARD)
  await sampleRoute(database, 'yahoo.example', 'yahoo', SHARD)
  await sampleShard(database, SHARD)
  const tenant = await sampleTenant(database, { contacts, domains: ['google.example', 'yahoo.example'] })
  const campaignId = await sampleCampaign(database, tenant)
  const engine = { db: database.engine, stream, clock }
  await fanOutChunk(engine, campaignId, 100_000)
  await sql`update deliveries set due_at = ${clock.now()}`.execute(database.admin)
  const owner = await api.member(tenant.tenantId, 'owner')
  const request = async (token: string, method: Method, url: string, body?: object) => {
    const reply = await api.call(method, url, body === undefined ? { token } : { token, body })
    return { status: reply.statusCode, body: reply.body === '' ? NOTHING : reply.json<Answer>() }
  }
  return {
    ...api,
    tenant,
    campaignId,
    stream,
    engine,
    owner,
    request,
    call: (method: Method, url: string, body?: object) => request(owner.token, method, url, body),
    /** What dispatch does, until there is nothing more to do. */
    carryOut: async (): Promise<void> => {
      while ((await carryOutQueueOrders(engine)) > 0);
    },
    /** Channels on which something was told during the work. */
    notified: async (work: () => Promise<void>): Promise<string[]> => {
      const client = new Client(database.connections.admin)
      const heard: string[] = []
      await client.connect()
      try {
        client.on('notification', ({ channel }) => heard.push(channel))
        await client.query('listen lanes')
        await work()
        // What was told before this statement has come with its answer.
        await client.query('select 1')
      } finally {
        await client.end()
      }
      return heard
    },
    /** A lane from the default source, as delivery saves it. */
    saveLane: async (provider: string, state: string, more: { reason?: string } = {}): Promise<void> => {
      await sql`
        insert into lanes (mode, provider, source_id, source, state, reason, memory, warming, per_minute, refused_share, active,
                           connections, since, updated_at)
        values ('sandbox', ${provider}, ${SOURCE}, 'default', ${state}, ${more.reason ?? null}, '{}', false, 120, 0.25, 3, 2,
                ${clock.now()}, ${clock.now()})
        on conflict (mode, provider, source_id) do update
          set state = excluded.state, reason = excluded.reason, updated_at = excluded.updated_at`.execute(
        database.engine,
      )
    },
  }
}
