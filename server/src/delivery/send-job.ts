import type { OutcomeEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { composeMessage } from './compose.ts'
import type { Contents } from './contents.ts'
import type { Journal } from './journal.ts'
import type { Lane, LaneVerdict } from './lanes/lane.ts'
import type { HeldJob } from './lanes/lanes.ts'
import type { MailRoutes } from './mail-routes.ts'
import { addressKey, type RecentSuppressions } from './recent-suppressions.ts'
import { outcomeOf, outcomeOfMx, type AttemptContext, type AttemptOutcome, type RetryPlan } from './retry.ts'
import type { SendSession, TlsPolicy, Transport } from './transport/transport.ts'

export interface SendDeps {
  readonly clock: Clock
  readonly log: Log
  readonly contents: Contents
  readonly suppressions: RecentSuppressions
  readonly routes: MailRoutes
  readonly transport: Transport
  readonly journal: Journal
  /** Whether the shard's lease lasts long enough to begin. */
  readonly mayBegin: (held: HeldJob) => boolean
  readonly unsubscribeUrl: (tenantId: string, messageId: string) => string
  readonly plans: { readonly live: RetryPlan; readonly sandbox: RetryPlan }
  readonly settings: SendSettings
}

export interface SendSettings {
  readonly ehloName: string
  readonly returnPathPrefix: string
  readonly tls: TlsPolicy
}

/** How an attempt ended, and what its conversation was if there was one. */
type Ended = AttemptOutcome & Partial<SendSession>

/**
 * One attempt, from the last checks to its outcome, and what it said about the lane. It never rejects: what cannot be said
 * otherwise is deferred.
 */
export async function sendJob(
  deps: SendDeps,
  held: HeldJob,
  lane: Lane,
): Promise<{ event: OutcomeEvent; verdict: LaneVerdict }> {
  const startedAt = deps.clock.now()
  let ended: Ended
  try {
    ended = checkBefore(deps, held) ?? (await attempt(deps, held, lane, startedAt))
  } catch (error) {
    deps.log.error(
      { err: error, message: held.job.messageId },
      'An attempt failed in Pigeon itself; the message is tried again.',
    )
    ended = { ...outcomeOf(brokenInside(error), contextOf(deps, held)) }
  }
  const event = eventOf(deps, held, ended, { startedAt, source: lane.source().name })
  return { event, verdict: verdictOf(ended) }
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
  if (deps.suppressions.has(job.tenantId, addressKey(job.recipient), content.listId))
    return plain('suppressed', null, 'Suppressed.')
  return undefined
}

async function attempt(deps: SendDeps, held: HeldJob, lane: Lane, startedAt: Date): Promise<Ended> {
  const { job } = held
  const content = deps.contents.get(job.campaignId)
  if (content === undefined) return plain('returned', null, 'The campaign was unloaded.')
  const answer = await deps.routes.resolve(job.mode, job.domain)
  if (answer.kind !== 'hosts') return outcomeOfMx(answer, contextOf(deps, held))
  const composed = composeMessage(
    content,
    { ...job, unsubscribeUrl: deps.unsubscribeUrl(job.tenantId, job.messageId) },
    startedAt,
  )
  if (composed.kind === 'failed') return plain('failed', 'content', composed.error)
  const { settings } = deps
  const { localAddress, ehloName } = lane.source()
  const result = await deps.transport.send(
    {
      lane: lane.key,
      hosts: answer.hosts,
      port: deps.routes.port(job.mode),
      tls: lane.limits().tls ?? settings.tls,
      ehloName: ehloName ?? settings.ehloName,
      ...(localAddress === undefined ? {} : { localAddress }),
    },
    {
      mailFrom: `${settings.returnPathPrefix}+${job.messageId}@${content.fromDomain}`,
      rcptTo: job.recipient,
      data: composed.data,
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
    },
  )
  const { mxHost, mxAddress, isTls, transcript, endedAt } = result
  return {
    ...outcomeOf(result, contextOf(deps, held)),
    mxHost,
    mxAddress,
    isTls,
    transcript,
    startedAt: result.startedAt,
    endedAt,
  }
}

function contextOf(deps: SendDeps, { job }: HeldJob): AttemptContext {
  return {
    provider: job.provider,
    attempt: job.attempt,
    lastClass: job.lastClass,
    now: deps.clock.now(),
    expiresAt: new Date(job.expiresAt),
    plan: deps.plans[job.mode],
    random: Math.random,
  }
}

function identityOf({ job }: HeldJob, lane: Lane) {
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
  { startedAt, source }: { startedAt: Date; source: string },
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
    transcript: ended.transcript ?? null,
  }
}
