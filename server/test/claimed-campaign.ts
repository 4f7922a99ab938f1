import { fanOutChunk } from '#campaigns/fan-out.ts'
import { claimAndAppend } from '#dispatch/claim.ts'
import type { EmailEventsPayload, OutcomeEvent, SendJob } from '#events/email-events.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { testDatabase, type TestDatabase, type TestScope } from './database.ts'
import {
  recordOutcomes,
  recordPayloads,
  sampleCampaign,
  sampleQueue,
  sampleRoute,
  sampleShard,
  sampleTenant,
  takeJobs,
  testStream,
} from './factories.ts'
import { manualClock, type ManualClock } from './manual-clock.ts'

const LIFETIMES = { bulkMs: 259_200_000, transactionalMs: 86_400_000, sandboxMs: 30_000 }
/** The shard of every delivery of a claimed campaign. */
export const SHARD = 4

/** A campaign whose messages are all in the hand of the shard's first owner, on 1 February 2026. */
export interface ClaimedCampaign {
  readonly database: TestDatabase
  readonly stream: Stream
  readonly clock: ManualClock
  readonly campaignId: string
  /** The jobs of the first claim, under epoch 1. */
  readonly jobs: readonly SendJob[]
  claim(): Promise<SendJob[]>
  record(epoch: number, events: readonly OutcomeEvent[]): Promise<void>
  apply(payloads: readonly EmailEventsPayload[]): Promise<void>
}

export async function claimedCampaign(scope: TestScope, contacts: number): Promise<ClaimedCampaign> {
  const database = await testDatabase(scope)
  const stream = await testStream(scope, database)
  const clock = manualClock(new Date('2026-02-01T00:00:00Z'))
  const tenant = await sampleTenant(database, { contacts })
  await sampleRoute(database, 'google.example', 'google', SHARD)
  await sampleShard(database, SHARD)
  const campaignId = await sampleCampaign(database, tenant)
  const deps = { db: database.engine, stream, clock }
  await fanOutChunk(deps, campaignId, 100_000)
  const claim = async (): Promise<SendJob[]> => {
    await claimAndAppend(deps, [sampleQueue(tenant.tenantId, campaignId)], LIFETIMES)
    return takeJobs(stream)
  }
  const parts = { engine: database.engine, stream, clock }
  return {
    database,
    stream,
    clock,
    campaignId,
    jobs: await claim(),
    claim,
    record: (epoch, events) => recordOutcomes(parts, SHARD, epoch, events),
    apply: (payloads) => recordPayloads(parts, payloads),
  }
}
