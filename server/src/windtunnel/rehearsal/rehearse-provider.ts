import type { BounceClass, SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import type { Habits } from '#windtunnel/habits.schema.ts'
import { createProviderState, judge, judgeContent, visitorOf } from '#windtunnel/judge.ts'
import type { ProviderState } from '#windtunnel/judge.ts'
import type { Profile } from '#windtunnel/profile.ts'
import { delayMs } from '#windtunnel/recipient-fate.ts'
import { scoreAt } from '#windtunnel/reputation.ts'
import { createDueHeap } from './due-heap.ts'
import type { DueHeap } from './due-heap.ts'
import { chooseNext, createLane, nextStart, noteStart, openConnections, pauseLane } from './lane.ts'
import type { Lane, Slot } from './lane.ts'
import { createRateSeries } from './rate-series.ts'
import { createSituationReader } from './read-situation.ts'
import type { Reading } from './read-situation.ts'
import { HOLDUPS } from './rehearsal.ts'
import type { Holdup, ProviderForecast, RecipientGroup, RehearsalInput } from './rehearsal.ts'

/** Greylisted recipients and refusals told apart in one rehearsal. */
const MAX_REMEMBERED = 4_000_000
/** What holds the last messages up is not counted. */
const LAST_SHARE = 0.01
/** "Too many connections" is believed for so long. */
const LEARNED_LIMIT_MS = 60_000
const NETWORK: Reading = { class: 'network', isPermanent: false, action: 'retry', endsConnection: true }

/** One provider's rehearsal under way. */
export interface ProviderRehearsal {
  /** Lets the next thing happen; false when everything has. */
  step(): boolean
  forecast(): ProviderForecast
}

interface Run {
  readonly input: RehearsalInput
  readonly group: RecipientGroup
  readonly profile: Profile
  readonly habits: Habits
  readonly state: ProviderState
  readonly read: ReturnType<typeof createSituationReader>
  readonly lanes: readonly Lane[]
  /** Recipients that may come back from any source. */
  readonly shared: DueHeap
  readonly attempts: Uint8Array
  /** When each was tried first; empty when all lives begin together. */
  readonly firstMs: Float64Array
  readonly series: ReturnType<typeof createRateSeries>
  readonly heldUpMs: Record<Holdup, number>
  readonly bounced: Map<BounceClass, number>
  readonly deferred: Map<BounceClass, number>
  readonly random: () => number
  readonly mailFrom: string
  readonly isAuthentic: boolean
  /** The first recipient nobody has written to. */
  fresh: number
  final: number
  delivered: number
  expired: number
  tried: number
  connections: number
  refusedConnections: number
  lastFinalMs: number
}

/** Prepares the rehearsal of one provider by the habits given, with a lane from every source. */
export function prepareProvider(
  input: RehearsalInput,
  group: RecipientGroup,
  profile: Profile,
  habits: Habits,
): ProviderRehearsal {
  const { sender } = input
  const run: Run = {
    input,
    group,
    profile,
    habits,
    state: createProviderState(input.seed, Math.min(Math.max(group.count, 1), MAX_REMEMBERED)),
    read: createSituationReader(profile),
    lanes: input.sources.map(({ ip, limits, providers }) =>
      createLane(ip, { ...limits, ...providers?.[group.provider] }),
    ),
    shared: createDueHeap(),
    attempts: new Uint8Array(group.count),
    firstMs: new Float64Array(input.retry.lifeFrom === 'first_attempt' ? group.count : 0),
    series: createRateSeries(),
    heldUpMs: { connections: 0, own_limits: 0, warmup: 0, provider: 0, retries: 0 },
    bounced: new Map(),
    deferred: new Map(),
    random: seededRandom(input.seed),
    mailFrom: `rehearsal@${sender.domain}`,
    isAuthentic:
      habits.requires_authentication === 'both'
        ? sender.isSpfAligned && sender.isDkimAligned
        : sender.isSpfAligned || sender.isDkimAligned,
    fresh: 0,
    final: 0,
    delivered: 0,
    expired: 0,
    tried: 0,
    connections: 0,
    refusedConnections: 0,
    lastFinalMs: 0,
  }
  for (const { ip, daysKnown = 0 } of input.sources)
    visitorOf(run.state, ip, 0).reputation.daysSeen = daysKnown
  return { step: () => step(run), forecast: () => forecastOf(run) }
}

/** The lane that can begin first begins. Starts never go back in time, so the provider sees them in order. */
function step(run: Run): boolean {
  let chosen: { lane: Lane; atMs: number; holdup: Holdup; dueMs: number } | undefined
  for (const lane of run.lanes) {
    const dueMs = earliestDue(run, lane)
    const { atMs, holdup } = nextStart(lane, dueMs)
    const isEarlier =
      chosen === undefined ||
      atMs < chosen.atMs ||
      (atMs === chosen.atMs && lane.started < chosen.lane.started)
    if (isEarlier) chosen = { lane, atMs, holdup, dueMs }
  }
  if (run.final === run.group.count || chosen === undefined) return false
  if (chosen.atMs >= latestStart(run)) {
    expireRest(run, run.input.retry.expiresMs)
    return false
  }
  const { lane, atMs, holdup, dueMs } = chosen
  noteHoldup(run, lane, { atMs, holdup, dueMs })
  begin(run, lane, atMs)
  chooseNext(lane)
  return true
}

/** Nothing begins from here on. Lives that begin with the first attempt end one by one. */
function latestStart({ input: { retry } }: Run): number {
  return retry.lifeFrom === 'first_attempt' ? Number.POSITIVE_INFINITY : retry.expiresMs
}

function earliestDue(run: Run, lane: Lane): number {
  if (run.fresh < run.group.count) return 0
  return Math.min(run.shared.earliest(), lane.own.earliest())
}

function noteHoldup(run: Run, lane: Lane, start: { atMs: number; holdup: Holdup; dueMs: number }): void {
  const waiting = 1 - run.final / run.group.count
  // Full mailboxes are tried for days: what the last few wait for holds nobody else up.
  if (waiting < LAST_SHARE) return
  const since = Math.max(lane.lastStartMs, 0)
  run.heldUpMs.retries += Math.max(0, start.dueMs - since) * waiting
  run.heldUpMs[start.holdup] += Math.max(0, start.atMs - Math.max(since, start.dueMs)) * waiting
}

function begin(run: Run, lane: Lane, atMs: number): void {
  const slot = lane.next
  const { timing } = run.input
  let readyMs = atMs
  if (slot.isOpen && atMs - slot.freeAtMs > timing.idleMs) slot.isOpen = false
  if (!slot.isOpen) {
    if (!connect(run, lane, slot, atMs)) return
    readyMs += timing.connectMs + run.habits.banner_delay_ms + 2 * run.habits.step_delay_ms
  }
  noteStart(lane, atMs)
  attempt(run, lane, slot, { atMs, readyMs, recipient: takeRecipient(run, lane) })
}

/** Opens a connection; false when the provider would not have it. Nobody's attempt is lost by that. */
function connect(run: Run, lane: Lane, slot: Slot, atMs: number): boolean {
  const open = openConnections(lane, atMs, run.input.timing.idleMs)
  const refusal = judge(run.state, run.habits, { kind: 'connect', ip: lane.ip, open }, atMs)
  if (refusal === undefined) {
    run.connections += 1
    slot.isOpen = true
    slot.served = 0
    return true
  }
  run.refusedConnections += 1
  slot.freeAtMs = atMs + LEARNED_LIMIT_MS
  if (open === 0) pauseLane(lane, 'suspend', run.input.retry, atMs)
  return false
}

function takeRecipient(run: Run, lane: Lane): number {
  if (run.fresh < run.group.count) {
    run.fresh += 1
    return run.fresh - 1
  }
  return lane.own.earliest() <= run.shared.earliest() ? lane.own.pop() : run.shared.pop()
}

interface Attempt {
  readonly atMs: number
  /** When the connection is up. */
  readonly readyMs: number
  readonly recipient: number
}

function attempt(run: Run, lane: Lane, slot: Slot, { atMs, readyMs, recipient }: Attempt): void {
  const address = run.group.addressAt?.(recipient) ?? `r${recipient}@${run.profile.domains[0] ?? 'x.example'}`
  const reading = replyTo(run, lane, slot, address, atMs)
  slot.served += 1
  run.tried += 1
  if (run.attempts[recipient] === 0 && run.firstMs.length > 0) run.firstMs[recipient] = atMs
  run.attempts[recipient] = Math.min(255, (run.attempts[recipient] ?? 0) + 1)
  const { messageMs } = run.input.timing
  const endMs = readyMs + messageMs + latenessOf(run, address, reading)
  slot.freeAtMs = endMs
  if (reading?.endsConnection === true || isUsedUp(run, lane, slot)) slot.isOpen = false
  if (reading === undefined) settle(run, lane, 'delivered', endMs)
  else if (reading.isPermanent) {
    count(run.bounced, reading.class)
    settle(run, lane, 'bounced', endMs)
  } else putOff(run, lane, reading, recipient, endMs)
  const action = reading?.action
  if (action === 'slow' || action === 'suspend') pauseLane(lane, action, run.input.retry, endMs)
  // Any other answer, even a refusal, means that the provider listens to this source.
  else lane.refusals = 0
}

/** The provider's answers to one message, up to the first that is no yes; undefined when it is delivered. */
function replyTo(run: Run, lane: Lane, slot: Slot, recipient: string, atMs: number): Reading | undefined {
  const { state, habits, mailFrom, isAuthentic } = run
  const { ip } = lane
  const served = habits.closes_silently ? 0 : slot.served
  const said = (phase: SmtpPhase, situation: Parameters<typeof run.read>[1]) => run.read(phase, situation)
  const toMail = judge(state, habits, { kind: 'mail', ip, mailFrom, served }, atMs)
  if (toMail !== undefined) return said('mail', toMail)
  const toRecipient = judge(state, habits, { kind: 'recipient', ip, mailFrom, recipient }, atMs)
  if (toRecipient !== undefined) return said('rcpt', toRecipient)
  const content = { ip, mailFrom, recipients: [recipient], isAuthentic }
  const toContent = judgeContent(state, habits, content, atMs)
  if (toContent === 'cut') return NETWORK
  return toContent === undefined ? undefined : said('body', toContent)
}

/** A refusal at MAIL or RCPT saves the later steps; a slow provider is slow at each. */
function latenessOf(run: Run, recipient: string, reading: Reading | undefined): number {
  const step = run.habits.step_delay_ms
  const late = delayMs(run.input.seed, run.habits, [recipient])
  return reading === undefined ? step + 3 * late : step + late
}

function isUsedUp(run: Run, lane: Lane, slot: Slot): boolean {
  const { closes_silently, messages_per_connection: limit } = run.habits
  const isTheirs = closes_silently && limit > 0 && slot.served >= limit
  return isTheirs || slot.served >= lane.limits.messagesPerConnection
}

function settle(run: Run, lane: Lane, how: 'delivered' | 'bounced', atMs: number): void {
  if (how === 'delivered') run.delivered += 1
  lane[how] += 1
  run.series.count(how, atMs)
  run.final += 1
  run.lastFinalMs = Math.max(run.lastFinalMs, atMs)
}

function putOff(run: Run, lane: Lane, reading: Reading, recipient: number, atMs: number): void {
  const { waitsMs, jitter, expiresMs } = run.input.retry
  count(run.deferred, reading.class)
  lane.deferred += 1
  run.series.count('deferred', atMs)
  const tries = run.attempts[recipient] ?? 1
  const wait = waitsMs[Math.min(tries, waitsMs.length) - 1] ?? 0
  const dueMs = atMs + wait * (1 - jitter + 2 * jitter * run.random())
  if (dueMs >= (run.firstMs[recipient] ?? 0) + expiresMs) {
    run.expired += 1
    run.final += 1
    run.lastFinalMs = Math.max(run.lastFinalMs, atMs)
  } else (reading.action === 'same_source' ? lane.own : run.shared).push(dueMs, recipient)
}

/** Nobody can be tried before the end: all that is left is given up then. */
function expireRest(run: Run, atMs: number): void {
  const left = run.group.count - run.final
  run.expired += left
  run.final += left
  if (left > 0) run.lastFinalMs = Math.max(run.lastFinalMs, atMs)
}

function count(counts: Map<BounceClass, number>, what: BounceClass): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}

function forecastOf(run: Run): ProviderForecast {
  const { heldUpMs } = run
  const longest = HOLDUPS.toSorted((a, b) => heldUpMs[b] - heldUpMs[a])[0]
  return {
    provider: run.group.provider,
    profile: run.profile.name,
    recipients: run.group.count,
    delivered: run.delivered,
    bounced: Object.fromEntries(run.bounced),
    expired: run.expired,
    attempts: run.tried,
    deferred: Object.fromEntries(run.deferred),
    connections: run.connections,
    refusedConnections: run.refusedConnections,
    durationMs: Math.round(run.lastFinalMs),
    deliveredMs: {
      half: run.series.deliveredMs(0.5),
      most: run.series.deliveredMs(0.95),
      nearlyAll: run.series.deliveredMs(0.99),
    },
    limitedBy: longest === undefined || heldUpMs[longest] === 0 ? undefined : longest,
    heldUpMs,
    series: run.series.read(),
    sources: run.lanes.map(({ ip, delivered, deferred, bounced }) => ({
      ip,
      delivered,
      deferred,
      bounced,
      reputation: scoreAt(visitorOf(run.state, ip, run.lastFinalMs).reputation, run.habits, run.lastFinalMs),
    })),
  }
}

/** Numbers from 0 to 1 that look like chance and are the same in every run (a linear congruence, 32 bits). */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
