import type { TrackedLink, TrackedMessage } from '@pigeon/mail/tracking-token.ts'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { isMachine, machineSigns, type Hit } from './machine-signs.ts'
import { createRecentHits } from './recent-hits.ts'

/** What a request tells of itself. */
export type Caller = Pick<Hit, 'method' | 'ip' | 'headers'>

/** What is kept of a User-Agent. */
const MAX_AGENT_CHARS = 512
const IPV4_MAPPED = /^::ffff:(?=\d+\.)/i

/**
 * Makes the function that tells of a loaded pixel (no link) or of a followed link. Every request is told, those of machines
 * with the signs that make them machines.
 */
export function hitTeller(deps: {
  readonly clock: Clock
  readonly feedback: { put(event: FeedbackEvent): Promise<void> }
}): (caller: Caller, message: TrackedMessage, link?: TrackedLink) => Promise<void> {
  const recent = createRecentHits()
  return async (caller, message, link) => {
    const now = deps.clock.now()
    const hit = hitOf(caller, now.getTime() - message.sentAtSeconds * 1000, link)
    const { messageId, tenantId } = message
    const seen = recent.look({ ...hit, messageId, link: link?.index ?? -1 }, deps.clock.monotonicMs())
    const signs = machineSigns(hit, seen)
    await deps.feedback.put({
      id: uuidv7(now.getTime()),
      type: hit.type,
      messageId,
      tenantId,
      at: now.toISOString(),
      ip: hit.ip,
      userAgent: hit.userAgent,
      url: link === undefined || hit.isTrap ? null : link.url,
      link: link === undefined || hit.isTrap ? null : link.index,
      machineSigns: isMachine(signs) ? signs : [],
    })
  }
}

function hitOf({ method, ip, headers }: Caller, ageMs: number, link: TrackedLink | undefined): Hit {
  return {
    type: link === undefined ? 'opened' : 'clicked',
    method,
    ip: ip.replace(IPV4_MAPPED, ''),
    userAgent: String(headers['user-agent'] ?? '').slice(0, MAX_AGENT_CHARS),
    headers,
    ageMs,
    isTrap: link?.url === '',
  }
}
