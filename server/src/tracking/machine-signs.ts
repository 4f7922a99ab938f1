import { isAppleNetwork, isGatewayNetwork, isImageProxy, isKnownMachine } from './known-machines.ts'

/** A request for a picture or a link of a message. */
export interface Hit {
  readonly type: 'opened' | 'clicked'
  readonly method: string
  readonly ip: string
  readonly userAgent: string
  /** Lower-case names, as node:http gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** From the content being written to the request. Milliseconds. */
  readonly ageMs: number
  /** The link that no person sees was followed. */
  readonly isTrap: boolean
}

/** What was seen before, from this address or of this message. */
export interface HitContext {
  /** Who asks has followed a link that no person sees a moment ago. */
  readonly hasFollowedTrap: boolean
  /** Other links of this message that were followed within `BURST_MS` before. */
  readonly otherLinks: number
}

/** How sure each sign is, from 0 to 1. A machine is what comes to 1. */
const WEIGHTS = {
  /** It followed a link that no person sees. */
  trap: 1,
  /** The same program at the same address followed such a link a moment ago. */
  trap_before: 1,
  /** Links of one message, one after the other, faster than a hand. */
  burst: 1,
  /** It asks what is there, without wanting it. */
  head: 1,
  /** The browser says that nobody has clicked yet. */
  prefetch: 1,
  /** The program says that it is none for people. */
  agent: 1,
  no_agent: 1,
  /** Apple's Mail Privacy Protection loads all pictures, read or not. */
  apple_privacy: 1,
  /** A click sooner than a person could have read. */
  too_soon: 0.5,
  /** Browsers say which languages their people read. */
  no_language: 0.5,
  /** A security gateway's. */
  network: 0.5,
  /** A picture fetched for a person who is looking: says nothing against him. */
  image_proxy: 0,
} as const

export type MachineSign = keyof typeof WEIGHTS

/** A person sees the message arrive, opens it, reads and clicks: not within this. */
export const TOO_SOON_MS = 5_000
/** Two links of a message within this were not clicked by a hand. */
export const BURST_MS = 1_000

/** Everything about a request that speaks of a machine, and `image_proxy`. Pure. */
export function machineSigns(hit: Hit, context: HitContext): MachineSign[] {
  const { type, headers, userAgent } = hit
  const isProxied = type === 'opened' && isImageProxy(userAgent)
  const seen: Readonly<Record<MachineSign, boolean>> = {
    trap: hit.isTrap,
    trap_before: !hit.isTrap && context.hasFollowedTrap,
    burst: type === 'clicked' && context.otherLinks > 0,
    head: hit.method === 'HEAD',
    prefetch: isPrefetch(headers),
    agent: isKnownMachine(userAgent),
    no_agent: userAgent === '',
    apple_privacy: type === 'opened' && (userAgent.trim() === 'Mozilla/5.0' || isAppleNetwork(hit.ip)),
    too_soon: type === 'clicked' && hit.ageMs < TOO_SOON_MS,
    // Mail programs that load pictures often send none: only of a click it says something.
    no_language: type === 'clicked' && headers['accept-language'] === undefined,
    network: isGatewayNetwork(hit.ip),
    image_proxy: isProxied,
  }
  return SIGNS.filter((sign) => seen[sign])
}

/** Whether these signs together make a machine. */
export function isMachine(signs: readonly MachineSign[]): boolean {
  return signs.reduce((sum, sign) => sum + WEIGHTS[sign], 0) >= 1
}

const SIGNS = Object.keys(WEIGHTS).filter(isSign)

function isSign(name: string): name is MachineSign {
  return Object.hasOwn(WEIGHTS, name)
}

/** `Sec-Purpose` as the Fetch standard has it, and what browsers sent before. */
function isPrefetch(headers: Hit['headers']): boolean {
  return ['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].some((name) =>
    /prefetch|preview|prerender/i.test(String(headers[name] ?? '')),
  )
}
