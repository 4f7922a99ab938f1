import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { findMessage, type MessageRow } from './messages.store.ts'
import { readAttempts, readEvents, type AttemptRow, type TimelineEvent } from './timeline.store.ts'

export type { AttemptRow }

export interface Message extends MessageRow {
  readonly timeline: TimelineEvent[]
  readonly attempts_made: AttemptRow[]
}

/** A message, what happened to it, and each attempt with its transcript. */
export async function getMessage(
  deps: { db: Database; analytics: Analytics },
  tenantId: string,
  id: string,
): Promise<Message> {
  const message = await asTenant(deps.db, tenantId, (transaction) => findMessage(transaction, id))
  if (message === undefined) {
    throw new Problem(
      'not_found',
      'messages.not_found',
      'There is no message with this id. GET /v1/campaigns/{id}/recipients lists those of a campaign.',
    )
  }
  const [timeline, attempts] = await Promise.all([
    readEvents(deps.analytics, tenantId, id),
    readAttempts(deps.analytics, tenantId, id),
  ])
  return { ...message, timeline, attempts_made: attempts }
}
