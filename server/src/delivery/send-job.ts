import { failuresOnly } from '@pigeon/mail/smtp-dsn.ts'
import type { OutcomeEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { composeMessage } from './compose.ts'
import type { Contents } from './contents.ts'
import type { Journal } from './journal.ts'
import type { Lane, LaneSource, LaneVerdict } from './lanes/lane.ts'
import type { Elsewhere, HeldJob } from './lanes/lanes.ts'
import type { MailRoutes } from './mail-routes.ts'
import { addressKey, type RecentSuppressions } from './recent-suppressions.ts'
import type { OpenRelays, RelaySource } from './relays/open-relays.ts'
import type { Rewrites } from './relays/relay.ts'
import {
  outcomeOf,
  outcomeOfMx,
  outcomeOfTlsRefusal,
  type AttemptContext,
  type AttemptOutcome,
  type RetryPlans,
} from './retry.ts'
import { mayFailOver } from './routing/may-fail-over.ts'
import { refusalOf } from './tls-policy/tls-decision.ts'
import type { TlsPolicies } from './tls-policy/tls-policies.ts'
import type { TlsSessions } from './tls-policy/tls-sessions.ts'
import type { OutgoingMessage, SendResult, SendSession, TlsPolicy, Transport } from './transport/transport.ts'

export interface SendDeps {
  readonly clock: Clock
  readonly log: Log
  readonly contents: Contents
  readonly suppressions: RecentSuppressions
  readonly routes: MailRoutes
  readonly tlsPolicies: TlsPolicies
  readonly tlsSessions: TlsSessions
  readonly transport: Transport
  readonly relays: Pick<OpenRelays, 'open'>
  readonly journal: Journal
  /** Whether the shard's lease lasts long enough to begin. */
  readonly mayBegin: (held: HeldJob) => boolean
  readonly unsubscribeUrl: (tenantId: string, messageId: string) => string
  readonly plans: RetryPlans
  readonly settings: SendSettings
}

export interface SendSettings {
  readonly ehloName: string
  /** The envelope sender of a message: where it comes back to. */
  readonly returnPath: (messageId: string, fromDomain: string) => string
  readonly tls: TlsPolicy
}

/** How a try over one lane ended, and what its conversation was if there was one. */
type Ended = AttemptOutcome & Partial<SendSession> & { readonly isBetterElsewhere?: boolean }

/**
 * One attempt, from the last checks to its outcome, and what it said about the lane it ended in. What was certainly not taken goes on
 * over another lane at once, as far as `elsewhere` has one. It never rejects: what cannot be said otherwise is deferred.
 */
export async function sendJob(
  deps: SendDeps,
  held: HeldJob,
  first: Lane,
  elsewhere: Elsewhere,
): Promise<{ event: OutcomeEvent; verdict: LaneVerdict; lane: Lane }> {
  const startedAt = deps.clock.now()
  const before: string[] = []
  let lane = first
  let ended = checkBefore(deps, held) ?? (await tryOver(deps, held, lane, startedAt))
  while (ended.isBetterElsewhere === true && checkBefore(deps, held) === undefined) {
    const next = elsewhere(verdictOf(ended))
    if (next === undefined) break
    before.push(`${ended.transcript ?? ''}* Not over ${lane.source().name}: ${ended.reply ?? ''}\n`)
    lane = next
    ended = await tryOver(deps, held, lane, startedAt)
  }
  const event = eventOf(deps, held, ended, { startedAt, source: lane.source().name, before: before.join('') })
  return { event, verdict: verdictOf(ended), lane }
}

async function tryOver(deps: SendDeps, held: HeldJob, lane: Lane, startedAt: Date): Promise<Ended> {
  try {
    const source = lane.source()
    // What is of the sandbox never leaves the machine: a relay is played by the windtunnel.
    const isRelayed = source.relay !== undefined && lane.mode === 'live' && held.job.mode === 'live'
    return isRelayed
      ? await overRelay(deps, held, lane, { ...source, relay: source.relay }, startedAt)
      : await overSmtp(deps, held, lane, startedAt)
  } catch (error) {
    deps.log.error(
      { err: error, message: held.job.messageId },
      'An attempt failed in Pigeon itself; the message is tried again.',
    )
    return outcomeOf(brokenInside(error), contextOf(deps, held))
  }
}

function verdictOf({ type, action, reply }: Ended): LaneVerdict {
  if (type === 'delivered' || type === 'sent') return { kind: 'accepted' }
  return action === 'slow' || action === 'suspend' ? { kind: action, reply: reply ?? '' } : { kind: 'other' }
}

/** What speaks against beginning now. */
function checkBefore(deps: SendDeps, held: HeldJob): Ended | undefined {
  const { job } = held
  if (!deps.contents.isSending(job.campaignId) || !deps.mayBegin(held))
    return plain('returned', null, 'Not begun.')
  const content = deps.contents.get(job.campaignId)
  if (content === undefined)
    return plain('failed', 'content', deps.contents.problem(job.campaignId) ?? 'The campaign is gone.')
  const to = {
    tenantId: job.tenantId,
    addressKey: addressKey(job.recipient),
    listId: content.listId,
    mode: job.mode,
  }
  if (deps.suppressions.has(to, deps.clock.now())) return plain('suppressed', null, 'Suppressed.')
  return undefined
}

/** Straight to the receivers of the recipient's domain. */
async function overSmtp(deps: SendDeps, held: HeldJob, lane: Lane, startedAt: Date): Promise<Ended> {
  const { job } = held
  const answer = await deps.routes.resolve(job.mode, job.domain)
  if (answer.kind !== 'hosts') return outcomeOfMx(answer, contextOf(deps, held))
  const tls = await deps.tlsPolicies.decide(job.mode, job.domain, answer.hosts)
  const refusal = refusalOf(tls)
  if (refusal !== undefined) {
    deps.tlsSessions.refused(job.mode, tls)
    return outcomeOfTlsRefusal(refusal, contextOf(deps, held))
  }
  const written = write(deps, held, lane, startedAt)
  if (written.kind === 'ended') return written.ended
  const { settings } = deps
  const { localAddress, ehloName } = lane.source()
  const result = await deps.transport.send(
    {
      lane: lane.key,
      hosts: tls.hosts,
      port: deps.routes.port(job.mode),
      tls: lane.limits().tls ?? settings.tls,
      tlsRules: tls.rules,
      ehloName: ehloName ?? settings.ehloName,
      ...(localAddress === undefined ? {} : { localAddress }),
    },
    written.message,
  )
  deps.tlsSessions.tried(job.mode, tls, result.tlsTries)
  return endOf(deps, held, result)
}

/** Through somebody else's server, which does the rest: no MX is asked, and no TLS policy of the recipient's domain. */
async function overRelay(
  deps: SendDeps,
  held: HeldJob,
  lane: Lane,
  source: RelaySource & Pick<LaneSource, 'ehloName'>,
  startedAt: Date,
): Promise<Ended> {
  const relay = await deps.relays.open(source)
  if ('kind' in relay) return { ...outcomeOf(relay, contextOf(deps, held)), isBetterElsewhere: true }
  const written = write(deps, held, lane, startedAt, relay.rewrites)
  if (written.kind === 'ended') return written.ended
  const ehloName = source.ehloName ?? deps.settings.ehloName
  return endOf(deps, held, await relay.send({ lane: lane.key, ehloName }, written.message))
}

type Written =
  | { readonly kind: 'written'; readonly message: OutgoingMessage }
  | { readonly kind: 'ended'; readonly ended: Ended }

function write(deps: SendDeps, held: HeldJob, lane: Lane, startedAt: Date, rewrites?: Rewrites): Written {
  const { job } = held
  const content = deps.contents.get(job.campaignId)
  if (content === undefined)
    return { kind: 'ended', ended: plain('returned', null, 'The campaign was unloaded.') }
  const to = { ...job, unsubscribeUrl: deps.unsubscribeUrl(job.tenantId, job.messageId) }
  const composed = composeMessage(content, to, startedAt, rewrites)
  if (composed.kind === 'failed') return { kind: 'ended', ended: plain('failed', 'content', composed.error) }
  const message: OutgoingMessage = {
    mailFrom: deps.settings.returnPath(job.messageId, content.fromDomain),
    rcptTo: job.recipient,
    data: composed.data,
    dsn: failuresOnly(job.messageId),
    beforeFinalDot: async () => {
      await deps.journal.dot({
        messageId: job.messageId,
        attempt: job.attempt,
        shard: held.shard,
        epoch: held.epoch,
        job: identityOf(held, lane),
      })
      // A process that stood still in the middle of a conversation may have lost the shard: its new owner sends this.
      if (!deps.mayBegin(held)) throw new Error('The lease of the shard is over.')
    },
  }
  return { kind: 'written', message }
}

function endOf(deps: SendDeps, held: HeldJob, result: SendResult & SendSession): Ended {
  const { mxHost, mxAddress, isTls, transcript, startedAt, endedAt } = result
  return {
    ...outcomeOf(result, contextOf(deps, held)),
    mxHost,
    mxAddress,
    isTls,
    transcript,
    startedAt,
    endedAt,
    isBetterElsewhere: mayFailOver(result),
  }
}

function contextOf(deps: SendDeps, { job, messageClass }: HeldJob): AttemptContext {
  return {
    provider: job.provider,
    attempt: job.attempt,
    lastClass: job.lastClass,
    lastReply: job.lastReply,
    now: deps.clock.now(),
    expiresAt: new Date(job.expiresAt),
    plan: deps.plans[job.mode][messageClass],
    random: Math.random,
  }
}

function identityOf({ job, messageClass }: HeldJob, lane: Lane) {
  const { tenantId, campaignId, contactId, mode, claimedAt, domain, provider, expiresAt } = job
  return {
    tenantId,
    campaignId,
    contactId,
    mode,
    claimedAt,
    domain,
    provider,
    expiresAt,
    source: lane.source().name,
    messageClass,
  }
}

function plain(type: AttemptOutcome['type'], kind: AttemptOutcome['class'], reply: string): Ended {
  return {
    type,
    class: kind,
    reply,
    code: null,
    enhanced: null,
    retryAt: null,
    inDoubt: false,
    action: 'none',
  }
}

function brokenInside(error: unknown) {
  return {
    kind: 'broken',
    phase: 'connect',
    error: error instanceof Error ? error.message : String(error),
    dotSent: false,
  } as const
}

function eventOf(
  deps: SendDeps,
  { job }: HeldJob,
  ended: Ended,
  { startedAt, source, before }: { startedAt: Date; source: string; before: string },
): OutcomeEvent {
  return {
    type: ended.type,
    messageId: job.messageId,
    tenantId: job.tenantId,
    campaignId: job.campaignId,
    contactId: job.contactId,
    attempt: job.attempt,
    claimedAt: job.claimedAt,
    domain: job.domain,
    provider: job.provider,
    source,
    startedAt: (ended.startedAt ?? startedAt).toISOString(),
    at: (ended.endedAt ?? deps.clock.now()).toISOString(),
    code: ended.code,
    enhanced: ended.enhanced,
    class: ended.class,
    reply: ended.reply,
    retryAt: ended.retryAt,
    inDoubt: ended.inDoubt,
    mxHost: ended.mxHost ?? null,
    mxAddress: ended.mxAddress ?? null,
    isTls: ended.isTls ?? false,
    transcript: before === '' ? (ended.transcript ?? null) : `${before}${ended.transcript ?? ''}`,
  }
}
