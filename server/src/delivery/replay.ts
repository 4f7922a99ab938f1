import type { OutcomeEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { JournaledDot, JournaledOutcome } from './journal-entry.ts'
import { outcomeOf, type RetryPlans } from './retry.ts'

/**
 * The outcome of an attempt whose final dot was sent and whose reply nobody saw: deferred, in doubt. It may have
 * arrived; trying again is the lesser evil, because the other is a message that silently never comes.
 */
export function inDoubtOutcome(
  dot: JournaledDot,
  options: { clock: Clock; plans: RetryPlans; random: () => number },
): JournaledOutcome {
  const now = options.clock.now()
  const { job } = dot
  const { action: _, ...outcome } = outcomeOf(
    { kind: 'broken', phase: 'dot', error: 'this process ended before the reply came', dotSent: true },
    {
      provider: dot.job.provider,
      lastClass: null,
      lastReply: null,
      attempt: dot.attempt,
      now,
      expiresAt: new Date(job.expiresAt),
      plan: options.plans[job.mode][job.messageClass],
      random: options.random,
    },
  )
  const event: OutcomeEvent = {
    ...outcome,
    messageId: dot.messageId,
    tenantId: job.tenantId,
    campaignId: job.campaignId,
    contactId: job.contactId,
    attempt: dot.attempt,
    claimedAt: job.claimedAt,
    domain: job.domain,
    provider: job.provider,
    source: job.source,
    startedAt: now.toISOString(),
    at: now.toISOString(),
    mxHost: null,
    mxAddress: null,
    isTls: false,
    transcript: null,
  }
  return { shard: dot.shard, epoch: dot.epoch, event }
}
