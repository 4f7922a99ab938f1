import { LIMITS } from '#campaigns/campaign.ts'
import { fanOutChunk } from '#campaigns/fan-out.ts'
import {
  activeCampaigns,
  completeCampaign,
  startDueCampaigns,
  sweepCancelled,
  type ProgressDeps,
} from '#campaigns/progress.ts'
import { relayOutbox } from '#events/outbox.ts'
import type { Log } from '#platform/log.ts'
import { carryOutQueueOrders } from '#queue/carry-out-orders.ts'
import { CLAIM_BATCH, claimAndAppend, inTurns, type SendQueue } from './claim.ts'
import type { Lifetimes } from './dispatch.store.ts'
import { refreshRoutes, routeNewDomains, type RouteDeps } from './route-domains.ts'

export interface DispatchDeps extends ProgressDeps, RouteDeps {
  readonly log: Log
  readonly lifetimes: Lifetimes
  readonly fanOutChunkSize: number
  /** A schedule missed by more than this asks instead of sending. Milliseconds. */
  readonly missedScheduleMs: number
  /** Removes what has expired: idempotency records, sessions. */
  readonly tidy: () => Promise<void>
}

/** How long a claim that found nothing waits before it looks again. */
const IDLE_MS = 100
/** After a claim that was not full: see below. */
const CLAIM_REST_MS = 250
const SCHEDULE_MS = 500
/**
 * How often campaigns are looked at for their beginning and their end, the queue for new domains and for orders, and the outbox of
 * the API for its events. Each look is a transaction, whether there is anything to do or not.
 */
const LOOK_MS = 250
const REFRESH_ROUTES_MS = 10_000
const TIDY_MS = 3_600_000
const FAILURE_MS = 1_000

/**
 * The work of the role `dispatch`: loops that each do one step and wait only when there was nothing to do. Every step
 * is a transaction of its own, so the process may be killed anywhere. Returns when `signal` aborts.
 */
export async function runDispatch(deps: DispatchDeps, signal: AbortSignal): Promise<void> {
  let turn = 0
  await Promise.all([
    repeat(deps, signal, 'schedule', SCHEDULE_MS, async () => {
      await startDueCampaigns(deps, deps.missedScheduleMs)
      return 0
    }),
    ...Array.from({ length: LIMITS.fanOutParts }, () =>
      repeat(deps, signal, 'fan-out', LOOK_MS, () => fanOutAll(deps)),
    ),
    repeat(deps, signal, 'route', LOOK_MS, () => routeNewDomains(deps)),
    repeat(deps, signal, 'refresh routes', REFRESH_ROUTES_MS, async () => {
      await refreshRoutes(deps)
      return 0
    }),
    // A claim that is not full comes from credits that trickle in: the next one waits for more of them, because a claim of
    // ten costs nearly as much as one of a hundred.
    repeat(deps, signal, 'claim', IDLE_MS, async () => {
      const claimed = await claimForAll(deps, turn++)
      if (claimed >= CLAIM_BATCH) return claimed
      if (claimed > 0) await deps.clock.sleep(CLAIM_REST_MS - IDLE_MS, signal)
      return 0
    }),
    repeat(deps, signal, 'end', LOOK_MS, () => endAll(deps)),
    repeat(deps, signal, 'queue orders', LOOK_MS, () => carryOutQueueOrders(deps)),
    repeat(deps, signal, 'tidy', TIDY_MS, async () => {
      await deps.tidy()
      return 0
    }),
    repeat(deps, signal, 'outbox', LOOK_MS, () => relayOutbox(deps)),
  ])
}

async function fanOutAll(deps: DispatchDeps): Promise<number> {
  let taken = 0
  for (const campaign of await activeCampaigns(deps)) {
    if (campaign.status !== 'sending' || campaign.fanout_completed_at !== null) continue
    taken += await fanOutChunk(deps, campaign.id, deps.fanOutChunkSize)
  }
  return taken
}

async function claimForAll(deps: DispatchDeps, turn: number): Promise<number> {
  const sending = (await activeCampaigns(deps)).filter((campaign) => campaign.status === 'sending')
  const queues = sending.map((campaign): SendQueue => ({
    id: campaign.id,
    tenantId: campaign.tenant_id,
    messageClass: campaign.message_class,
    mode: campaign.mode,
  }))
  return claimAndAppend(deps, inTurns(queues, turn), deps.lifetimes, turn)
}

/** Cancels what waits in cancelled campaigns, and ends the campaigns whose every message is final. */
async function endAll(deps: DispatchDeps): Promise<number> {
  let moved = 0
  for (const campaign of await activeCampaigns(deps)) {
    if (campaign.status === 'cancelled') moved += await sweepCancelled(deps, campaign)
    if (campaign.status !== 'paused') await completeCampaign(deps, campaign.id)
  }
  return moved
}

async function repeat(
  deps: DispatchDeps,
  signal: AbortSignal,
  name: string,
  idleMs: number,
  step: () => Promise<number>,
): Promise<void> {
  while (!signal.aborted) {
    let waitMs = 0
    try {
      waitMs = (await step()) > 0 ? 0 : idleMs
    } catch (error) {
      deps.log.error({ err: error, step: name }, 'A step of dispatch failed and is tried again.')
      waitMs = FAILURE_MS
    }
    if (waitMs > 0) await deps.clock.sleep(waitMs, signal)
  }
}
