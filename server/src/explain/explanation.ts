import type { SendingMode } from '#events/email-events.ts'
import type { LaneOutlook } from './lane-outlook.ts'
import type { RetryOutlook } from './retry-outlook.ts'
import type { WaitOutlook } from './wait-outlook.ts'

/** Something that stops a message or holds it up, in a sentence with what to do about it. */
export interface Obstacle {
  readonly code: string
  readonly message: string
  /** It stops the message for good; otherwise the message waits. */
  readonly is_final: boolean
}

/** Who a message is from, and who signs for it. */
export interface SenderFacts {
  readonly domain: string
  readonly is_allowed: boolean
  /** The `d=` of its DKIM signatures; null when nothing can be signed. */
  readonly signed_by: string | null
  readonly dkim: { readonly selector: string; readonly algorithm: string }[]
}

export interface MxFacts {
  readonly kind: 'hosts' | 'null_mx' | 'no_domain' | 'temporary'
  readonly ttl_seconds: number
  readonly reason: string | null
  readonly hosts: {
    readonly name: string
    readonly priority: number
    readonly addresses: string[]
  }[]
}

/** How a message would leave now, and what stands in its way: nothing is sent to find this out. */
export interface Explanation {
  readonly recipient: string
  readonly domain: string
  readonly mode: SendingMode
  readonly verdict: 'sends' | 'waits' | 'stops'
  /** The verdict in plain language, with the fix. */
  readonly explanation: string
  readonly obstacles: Obstacle[]
  readonly suppressed: string | null
  readonly sender: SenderFacts
  readonly mx: MxFacts
  readonly provider: { readonly name: string; readonly reason: string } | null
  readonly destination: { readonly id: number; readonly shard: number; readonly stopped: boolean } | null
  readonly pool: { readonly id: string; readonly name: string; readonly reason: string }
  readonly sources: LaneOutlook[]
  readonly wait: WaitOutlook | null
  /** What the recipient's domain and the installation ask of TLS, in sentences. */
  readonly tls: string[]
  readonly retry: RetryOutlook
}

/** The verdict and its sentence from what is known. The first obstacle that is final decides, else the first. */
export function conclude(
  facts: Pick<Explanation, 'recipient' | 'obstacles' | 'provider' | 'sources' | 'wait'>,
): Pick<Explanation, 'verdict' | 'explanation'> {
  const { recipient, obstacles, provider, sources, wait } = facts
  const final = obstacles.find((obstacle) => obstacle.is_final)
  if (final !== undefined)
    return { verdict: 'stops', explanation: `Mail to ${recipient} would not be sent. ${final.message}` }
  const [first] = obstacles
  if (first !== undefined)
    return { verdict: 'waits', explanation: `Mail to ${recipient} would wait. ${first.message}` }
  const able = sources.filter((source) => source.can_send).map(({ source }) => source)
  const from = able.length === 1 ? `source ${able[0] ?? ''}` : `one of the sources ${able.join(', ')}`
  const when = (wait?.seconds ?? 0) > 0 ? `in about ${wait?.seconds ?? 0} s` : 'now'
  return {
    verdict: 'sends',
    explanation: `Mail to ${recipient} would go to ${provider?.name ?? 'its domain'} ${when}, from ${from}.`,
  }
}
