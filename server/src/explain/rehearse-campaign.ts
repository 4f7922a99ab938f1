import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { findCampaign } from '#campaigns/get-campaign.ts'
import { assertCanSendFrom } from '#domains/assert-can-send-from.ts'
import { LIVE_TIMES, SANDBOX_TIMES } from '#delivery/lanes/lane-health.ts'
import type { MailRoutes } from '#delivery/mail-routes.ts'
import { readLanes, type KnownLanes } from '#delivery/read-lanes.ts'
import type { SendingMode } from '#events/email-events.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { poolsAsOf } from '#sources/load-pools.ts'
import { poolFor, type Pool, type PoolChoice, type Pools } from '#sources/pool.ts'
import type { Forecast, RehearsalInput, RehearsalRetry } from '#windtunnel/rehearsal/rehearsal.ts'
import { doublingWaits } from '#windtunnel/rehearsal/rehearse.ts'
import { countByProvider, type Audience } from './count-by-provider.ts'
import type { Asker } from './explain-address.ts'
import { poolsInTurn, poolsOfSources, type ExplainDeps } from './explain-way.ts'
import { rehearsalSources } from './rehearsal-sources.ts'
import type { RehearsalRunner } from './run-rehearsal.ts'
import { tellRehearsal, type Rehearsal } from './rehearsal-report.ts'
import { warmUpOutlook } from './warm-up-outlook.ts'
import { senderOf } from './explain-address.ts'

export interface RehearseSettings {
  readonly seed: number
  /** Of the simulated providers in sandbox. */
  readonly habits: 'gentle' | 'published'
  /** Directory of profiles besides those of Pigeon. */
  readonly profiles: string | undefined
  /** Outgoing connections of the installation. */
  readonly maxConnections: number
}

export interface RehearseDeps extends Omit<ExplainDeps, 'delivery'> {
  readonly delivery: ExplainDeps['delivery'] & {
    readonly routes: Pick<MailRoutes, 'resolve' | 'findProvider'>
  }
  readonly rehearsals: RehearsalRunner
  readonly rehearsal: RehearseSettings
}

/** Providers that are rehearsed, the largest first; the many small ones behind them decide nothing. */
export const MAX_PROVIDERS = 300
const JITTER = 0.25
/** A connection to the other side of an ocean, and an exchange over it; on this machine they are a hundredth. */
const TIMING = {
  live: { connectMs: 400, messageMs: 250 },
  sandbox: { connectMs: 10, messageMs: 5 },
} as const
const IDLE_MS = 30_000

/**
 * Predicts what would become of a campaign if it began now, by the habits of the simulated providers and the rules that
 * read real replies. `as` chooses whose retry plan and habits. Problems: rehearsal.no_list, rehearsal.no_source, and those
 * of the campaign, its sender and the runner.
 */
export async function rehearseCampaign(
  deps: RehearseDeps,
  asker: Asker,
  id: string,
  as: SendingMode = asker.mode,
): Promise<Rehearsal> {
  const campaign = await findCampaign(deps, asker.tenantId, id)
  const { list_id: listId } = campaign
  if (listId === null)
    throw new Problem(
      'conflict',
      'rehearsal.no_list',
      'The campaign has no list: choose whom it goes to first.',
    )
  const mode = campaign.mode ?? asker.mode
  const audience = await countByProvider(deps, { tenantId: asker.tenantId, listId, mode })
  const groups = audience.groups.slice(0, MAX_PROVIDERS)
  const providers = groups.map(({ provider }) => provider)
  const sender = senderOf(campaign.from_email)
  // One pool is rehearsed: where rules divide the campaign by provider, that of its largest one.
  const question = {
    tenantId: asker.tenantId,
    campaignId: id,
    messageClass: campaign.message_class,
    provider: providers[0] ?? '',
    fromDomain: sender.domain,
  }
  const own = await asTenant(deps.db, asker.tenantId, async (transaction) => {
    await assertCanSendFrom(transaction, asker.tenantId, sender.address, mode)
    return {
      pools: await poolsAsOf(transaction),
      known: await readLanes(transaction, mode, providers),
    }
  })
  const choice = poolFor(own.pools, question)
  const pool = poolInUse(own.pools, choice)
  const input = await inputFor(deps, {
    as,
    pool,
    pools: own.pools,
    known: own.known,
    providers,
    domain: sender.domain,
    messageClass: campaign.message_class,
  })
  const { habits, profiles } = deps.rehearsal
  const forecast = await runUnlessEmpty(deps.rehearsals, groups, {
    input,
    habits: as === 'live' ? 'published' : habits,
    profiles,
  })
  return tellRehearsal({
    campaignId: id,
    as,
    choice,
    pool,
    audience,
    skipped: audience.groups.slice(MAX_PROVIDERS),
    forecast,
    warmUp: warmUpOutlook(pool, groups, own.known, deps.clock.now()),
  })
}

/** The first pool in the chain of overflows with a source that can be rehearsed. */
function poolInUse(pools: Pools, choice: PoolChoice): Pool {
  const found = poolsInTurn(pools, choice.pool).find(({ members }) =>
    members.some(({ source }) => source.kind === 'ip' && !source.isDraining),
  )
  if (found !== undefined) return found
  throw new Problem(
    'conflict',
    'rehearsal.no_source',
    `The pool ${choice.pool.name} has no address to send from that could be rehearsed: what a relay does with mail is not known here. Add a source: pigeon pools set ${choice.pool.name} --sources NAME`,
  )
}

interface InputFacts {
  readonly as: SendingMode
  readonly pool: Pool
  readonly pools: Pools
  readonly known: KnownLanes
  readonly providers: readonly string[]
  readonly domain: string
  readonly messageClass: MessageClass
}

async function inputFor(deps: RehearseDeps, facts: InputFacts): Promise<Omit<RehearsalInput, 'recipients'>> {
  await deps.delivery.shaping.reload()
  const names = poolsOfSources(facts.pools)
  const plan = deps.delivery.plans[facts.as][facts.messageClass]
  return {
    seed: deps.rehearsal.seed,
    sources: rehearsalSources({
      pool: facts.pool,
      providers: facts.providers,
      known: facts.known,
      limitsOf: (provider, sourceId) => deps.delivery.shaping.limits(provider, names.get(sourceId) ?? []),
      maxConnections: deps.rehearsal.maxConnections,
      now: deps.clock.now(),
    }),
    retry: retryOf(plan, facts.as),
    // The domain is verified, so its mail is signed; that SPF names the sources is assumed, and said.
    sender: { domain: facts.domain, isDkimAligned: true, isSpfAligned: true },
    timing: { ...TIMING[facts.as], idleMs: IDLE_MS },
  }
}

/** Messages grow old from their first claim on: those that wait for a budget of tomorrow do not. */
function retryOf(
  plan: ExplainDeps['delivery']['plans'][SendingMode][MessageClass],
  as: SendingMode,
): RehearsalRetry {
  const times = as === 'live' ? LIVE_TIMES : SANDBOX_TIMES
  return {
    waitsMs: doublingWaits(plan.firstMs, plan.maxMs),
    jitter: JITTER,
    expiresMs: plan.expiresMs,
    lifeFrom: 'first_attempt',
    slowMs: times.stepMs,
    suspendMs: times.suspendMs,
    maxPauseMs: times.suspendMaxMs,
  }
}

const NOTHING: Forecast = {
  recipients: 0,
  delivered: 0,
  bounced: 0,
  expired: 0,
  deferred: 0,
  durationMs: 0,
  providers: [],
}

async function runUnlessEmpty(
  runner: RehearsalRunner,
  groups: Audience['groups'],
  job: Omit<Parameters<RehearsalRunner['run']>[0], 'groups'>,
): Promise<Forecast> {
  return groups.length === 0 ? NOTHING : runner.run({ ...job, groups })
}
