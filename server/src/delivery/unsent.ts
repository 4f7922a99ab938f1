import type { OutcomeEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { findSuppressed } from '#suppressions/find-suppressed.ts'
import type { Contents } from './contents.ts'
import type { HeldJob } from './lanes/lanes.ts'
import { addressKey } from './recent-suppressions.ts'

export interface UnsentDeps {
  readonly db: Database
  readonly clock: Clock
  readonly contents: Contents
}

/** Those that are not suppressed; for the others the outcome is told. */
export async function withoutSuppressed(
  deps: UnsentDeps,
  held: readonly HeldJob[],
  finish: (held: HeldJob, event: OutcomeEvent) => void,
): Promise<HeldJob[]> {
  const suppressed = await findSuppressed(
    deps.db,
    {
      tenantIds: held.map((each) => each.job.tenantId),
      addressKeys: held.map((each) => addressKey(each.job.recipient)),
      listIds: held.map((each) => deps.contents.get(each.job.campaignId)?.listId ?? null),
      modes: held.map((each) => each.job.mode),
    },
    deps.clock.now(),
  )
  if (suppressed.size === 0) return [...held]
  return held.filter((each, index) => {
    if (!suppressed.has(index)) return true
    finish(each, {
      ...returned(each, deps),
      type: 'suppressed',
      reply: `Suppressed: ${suppressed.get(index)}.`,
    })
    return false
  })
}

/** The outcome of a job that was not tried: its attempt does not count. */
export function returned({ job }: HeldJob, deps: Pick<UnsentDeps, 'clock'>): OutcomeEvent {
  const now = deps.clock.now().toISOString()
  const { messageId, tenantId, campaignId, contactId, attempt, claimedAt, domain, provider } = job
  return {
    type: 'returned',
    messageId,
    tenantId,
    campaignId,
    contactId,
    attempt,
    claimedAt,
    domain,
    provider,
    source: '',
    startedAt: now,
    at: now,
    code: null,
    enhanced: null,
    class: null,
    reply: null,
    retryAt: null,
    inDoubt: false,
    mxHost: null,
    mxAddress: null,
    isTls: false,
    transcript: null,
  }
}
