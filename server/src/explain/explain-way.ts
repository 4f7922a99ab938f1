import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { providerOf } from '#delivery/provider.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import type { MailRoutes } from '#delivery/mail-routes.ts'
import { explainProvider } from '#delivery/provider.ts'
import { readLanes } from '#delivery/read-lanes.ts'
import type { MxAnswer } from '#delivery/resolver.ts'
import type { RetryPlan } from '#delivery/retry.ts'
import type { Shaping } from '#delivery/shaping/shaping.ts'
import { explainTls } from '#delivery/tls-policy/explain-tls.ts'
import { refusalOf } from '#delivery/tls-policy/tls-decision.ts'
import type { TlsPolicies } from '#delivery/tls-policy/tls-policies.ts'
import type { TlsPolicy } from '#delivery/transport/transport.ts'
import { assertCanSendFrom } from '#domains/assert-can-send-from.ts'
import { loadSigningKeys } from '#domains/load-signing-keys.ts'
import type { SendingMode } from '#events/email-events.ts'
import { poolsAsOf } from '#sources/load-pools.ts'
import { poolFor, type Pool, type PoolChoice, type Pools } from '#sources/pool.ts'
import { isSuppressed } from '#suppressions/find-suppressed.ts'
import { countWaiting, findDestination } from './explain.store.ts'
import { conclude, type Explanation, type MxFacts, type Obstacle, type SenderFacts } from './explanation.ts'
import { laneOutlook, type LaneOutlook } from './lane-outlook.ts'
import { retryOutlook } from './retry-outlook.ts'
import { waitOutlook } from './wait-outlook.ts'

/** What delivery goes by, for who only looks. */
export interface DeliveryView {
  readonly routes: Pick<MailRoutes, 'resolve'>
  readonly tlsPolicies: TlsPolicies
  readonly shaping: Pick<Shaping, 'limits' | 'reload'>
  /** The installation's own TLS policy. */
  readonly tls: TlsPolicy
  readonly plans: Readonly<
    Record<SendingMode, Readonly<Record<MessageClass, RetryPlan & { readonly expiresMs: number }>>>
  >
}

export interface ExplainDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  readonly delivery: DeliveryView
}

/** A message as far as its way depends on it. Addresses are parsed. */
export interface WayQuestion {
  readonly tenantId: string
  readonly mode: SendingMode
  readonly recipient: { readonly address: string; readonly key: string; readonly domain: string }
  readonly from: { readonly address: string; readonly domain: string }
  readonly campaignId: string | null
  readonly listId: string | null
  readonly messageClass: MessageClass
}

/** Pools that follow one another when each has nothing that may send, as delivery goes through them. */
const MAX_POOLS = 4

/**
 * The way that a message would take now, step by step, and what would stop it. Look-ups have the deadlines of delivery's
 * own: 5 s for the mail hosts, 10 s for TLS policies. A look-up that fails is part of the answer.
 */
export async function explainWay(deps: ExplainDeps, question: WayQuestion): Promise<Explanation> {
  const { mode, recipient } = question
  const rows = await asTenant(deps.db, question.tenantId, (transaction) =>
    ownFacts(deps, transaction, question),
  )
  const answer = await deps.delivery.routes.resolve(mode, recipient.domain)
  const provider = answer.kind === 'hosts' ? providerOf(answer.hosts.map((host) => host.name)) : ''
  const routed = { ...question, provider, fromDomain: question.from.domain }
  const own = { ...rows, choice: poolFor(rows.pools, routed) }
  const [tls, there] = await Promise.all([
    tlsFacts(deps, question, answer),
    answer.kind === 'hosts' ? providerFacts(deps, question, own, answer) : NOWHERE,
  ])
  const facts = {
    recipient: recipient.address,
    provider: there.provider,
    sources: there.sources,
    wait: there.wait,
    obstacles: [
      ...own.obstacles,
      ...mxObstacles(recipient.domain, answer),
      ...tls.obstacles,
      ...sourceObstacles(own.choice, there),
    ],
  }
  const plan = deps.delivery.plans[mode][question.messageClass]
  return {
    ...facts,
    ...conclude(facts),
    domain: recipient.domain,
    mode,
    suppressed: own.suppressed,
    sender: own.sender,
    mx: mxFacts(answer),
    destination: there.destination,
    pool: { id: own.choice.pool.id, name: own.choice.pool.name, reason: own.choice.reason },
    tls: tls.lines,
    retry: retryOutlook(plan, plan.expiresMs),
  }
}

interface OwnFacts {
  readonly suppressed: string | null
  readonly sender: SenderFacts
  readonly pools: Pools
  readonly choice: PoolChoice
  readonly obstacles: readonly Obstacle[]
}

/** What the tenant's own rows say. */
async function ownFacts(
  deps: ExplainDeps,
  transaction: Transaction,
  question: WayQuestion,
): Promise<Omit<OwnFacts, 'choice'>> {
  const { tenantId, listId, recipient, mode } = question
  const whom = { tenantId, listId, mode, addressKey: recipient.key }
  const suppressed = (await isSuppressed(transaction, whom, deps.clock.now())) ?? null
  const { sender, obstacle } = await senderFacts(deps, transaction, question)
  const pools = await poolsAsOf(transaction)
  const obstacles: Obstacle[] = []
  if (suppressed !== null)
    obstacles.push({
      code: 'suppressed',
      is_final: true,
      message: `${recipient.address} is suppressed (${suppressed.replaceAll('_', ' ')}). If the recipient asked for mail again, delete the suppression: DELETE /v1/suppressions/{id}.`,
    })
  if (obstacle !== undefined) obstacles.push(obstacle)
  return { suppressed, sender, pools, obstacles }
}

async function senderFacts(
  deps: ExplainDeps,
  transaction: Transaction,
  { tenantId, from, mode }: WayQuestion,
): Promise<{ sender: SenderFacts; obstacle: Obstacle | undefined }> {
  const signing = await loadSigningKeys({ db: transaction, keys: deps.keys }, tenantId, from.domain)
  const facts = {
    domain: from.domain,
    signed_by: signing?.domain ?? null,
    dkim: (signing?.keys ?? []).map(({ selector, algorithm }) => ({ selector, algorithm })),
  }
  try {
    await assertCanSendFrom(transaction, tenantId, from.address, mode)
    return { sender: { ...facts, is_allowed: true }, obstacle: undefined }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const obstacle = { code: error.code, message: error.message, is_final: true }
    return { sender: { ...facts, is_allowed: false }, obstacle }
  }
}

interface ProviderFacts extends Pick<Explanation, 'provider' | 'destination' | 'wait'> {
  readonly sources: LaneOutlook[]
}

const NOWHERE: ProviderFacts = { provider: null, destination: null, sources: [], wait: null }

/** What is known of the provider, and of every lane to it from the pool and those that it overflows into. */
async function providerFacts(
  deps: ExplainDeps,
  question: WayQuestion,
  own: OwnFacts,
  answer: Extract<MxAnswer, { kind: 'hosts' }>,
): Promise<ProviderFacts> {
  const provider = explainProvider(answer.hosts.map((host) => host.name))
  const now = deps.clock.now()
  await deps.delivery.shaping.reload()
  const { destination, waiting, known } = await asTenant(deps.db, question.tenantId, async (transaction) => {
    const destination = await findDestination(transaction, question.mode, provider.provider)
    const waiting = destination === undefined ? 0 : await countWaiting(transaction, destination.id, now)
    return { destination, waiting, known: await readLanes(transaction, question.mode, [provider.provider]) }
  })
  const poolNames = poolsOfSources(own.pools)
  const sources = poolsInTurn(own.pools, own.choice.pool).flatMap((pool) =>
    pool.members.map((member) => {
      const limits = deps.delivery.shaping.limits(
        provider.provider,
        poolNames.get(member.source.id) ?? [],
      ).lane
      return laneOutlook({ provider: provider.provider, pool: pool.name, member, limits, known, now })
    }),
  )
  return {
    provider: { name: provider.provider, reason: provider.reason },
    destination: destination ?? null,
    sources,
    wait: waitOutlook(lanesInTurn(sources), waiting, provider.provider, now),
  }
}

/** The pool and what it overflows into, in the order in which they are asked. */
export function poolsInTurn(pools: Pools, first: Pool): Pool[] {
  const found: Pool[] = []
  for (let pool: Pool | undefined = first; pool !== undefined && found.length < MAX_POOLS;) {
    found.push(pool)
    pool = pool.overflowPoolId === null ? undefined : pools.byId.get(pool.overflowPoolId)
  }
  return found
}

/** Names of the pools that each source is in, in alphabetical order: limits of pools go over one another in it. */
export function poolsOfSources(pools: Pools): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const pool of [...pools.byId.values()].toSorted((a, b) => a.name.localeCompare(b.name)))
    for (const { source } of pool.members) names.set(source.id, [...(names.get(source.id) ?? []), pool.name])
  return names
}

/** The lanes of the first pool that has one that may send; all of them when none may. */
function lanesInTurn(sources: readonly LaneOutlook[]): readonly LaneOutlook[] {
  const first = sources.find((source) => source.can_send)
  return first === undefined ? sources : sources.filter((source) => source.pool === first.pool)
}

function sourceObstacles(choice: PoolChoice, { provider, sources, wait }: ProviderFacts): Obstacle[] {
  if (provider === null || sources.some((source) => source.can_send)) return []
  const { name } = choice.pool
  if (sources.length === 0) {
    const message = `The pool ${name} has no source, and overflows into none that has. Add one: pigeon pools set ${name} --sources NAME`
    return [{ code: 'no_source', is_final: false, message }]
  }
  const each = sources.map(({ source, reason }) => `${source}: ${reason}`).join(' ')
  const message = `No source of the pool ${name} may send to ${provider.name} now. ${wait?.reason ?? ''} ${each}`
  return [{ code: 'no_lane', is_final: false, message }]
}

function mxFacts(answer: MxAnswer): MxFacts {
  if (answer.kind !== 'hosts') {
    const reason = 'reason' in answer ? answer.reason : 'the domain says that it takes no mail (null MX)'
    return { kind: answer.kind, ttl_seconds: answer.ttl, reason, hosts: [] }
  }
  const hosts = answer.hosts.map(({ name, priority, addresses }) => ({
    name,
    priority,
    addresses: [...addresses],
  }))
  return { kind: 'hosts', ttl_seconds: answer.ttl, reason: null, hosts }
}

function mxObstacles(domain: string, answer: MxAnswer): Obstacle[] {
  if (answer.kind === 'hosts') return []
  if (answer.kind === 'temporary') {
    const message = `The mail hosts of ${domain} could not be looked up (${answer.reason}). It is tried again; if it lasts, see that the name servers of this installation answer.`
    return [{ code: 'dns_failed', is_final: false, message }]
  }
  const what =
    answer.kind === 'null_mx'
      ? `${domain} says that it takes no mail (null MX, RFC 7505).`
      : `${domain} cannot be written to: ${answer.reason}.`
  const message = `${what} Look for a slip in the part after the @; if there is none, remove the address.`
  return [{ code: answer.kind === 'null_mx' ? 'null_mx' : 'no_domain', is_final: true, message }]
}

const INSTALLATION_TLS: Readonly<Record<TlsPolicy, string>> = {
  opportunistic:
    'The installation uses TLS wherever the receiver offers it, and sends in plain where it does not.',
  required: 'The installation sends nothing without TLS.',
  none: 'The installation never uses TLS.',
}

async function tlsFacts(
  deps: ExplainDeps,
  { mode, recipient }: WayQuestion,
  answer: MxAnswer,
): Promise<{ lines: string[]; obstacles: Obstacle[] }> {
  if (answer.kind !== 'hosts') return { lines: [], obstacles: [] }
  const decision = await deps.delivery.tlsPolicies.decide(mode, recipient.domain, answer.hosts)
  const refusal = refusalOf(decision)
  return {
    lines: [...explainTls(decision, []), INSTALLATION_TLS[deps.delivery.tls]],
    obstacles: refusal === undefined ? [] : [{ code: 'tls', is_final: false, message: refusal }],
  }
}
