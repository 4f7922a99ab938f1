import { classifyReply } from '@pigeon/mail/classify-reply.ts'
import type { MxHost } from '#delivery/resolver.ts'
import type {
  OutgoingMessage,
  SendResult,
  SendRoute,
  SendSession,
  SmtpAuth,
  TlsPolicy,
  Transport,
} from '#delivery/transport/transport.ts'
import type { TlsRule } from '#delivery/transport/tls-rule.ts'
import type { Clock } from '#platform/clock.ts'
import { LIMIT_REST_MS, SENDER_REST_MS } from './relay-api.ts'
import { SUSPENSION_MS, trackHealth, type HealthTracker } from './relay-health.ts'
import type { Relay, RelayAlert, RelayRoute } from './relay.ts'
import { createTurnstile } from './turnstile.ts'

export interface SmarthostOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: TlsPolicy
  /** TLS from the first octet. */
  readonly isImplicitTls: boolean
  /** What its certificate must show; undefined: nothing. */
  readonly tlsRule?: TlsRule | undefined
  readonly auth?: SmtpAuth | undefined
  /** Messages in hand at the same time; the connections under them are limited by the transport. */
  readonly maxConcurrent: number
}

export interface SmarthostDeps {
  readonly clock: Clock
  /** Speaks SMTP. It is closed by who made it. */
  readonly transport: Transport
  /** The addresses of the smarthost now. Rejects when there are none. */
  readonly addressesOf: (host: string) => Promise<readonly string[]>
  readonly alert: (alert: RelayAlert) => void
}

/** A name that cannot be looked up in this time cannot be looked up. */
const LOOKUP_MS = 15_000
/** How long looked-up addresses are used. */
const ADDRESSES_MS = 60_000
/**
 * RFC 4954 6: authentication is required; the mechanism is too weak; the credentials are wrong; encryption is needed
 * first. Whenever they come, they are about us and not about the message.
 */
const NOT_LET_IN = new Set([530, 534, 535, 538])

/** Any server that takes our mail over SMTP and delivers it: Postfix, Exchange, or the SMTP entrance of a provider. */
export function createSmarthost(deps: SmarthostDeps, options: SmarthostOptions): Relay {
  const { clock, transport } = deps
  const { name, host } = options
  const health = trackHealth(deps, name)
  const turnstile = createTurnstile(clock, options.maxConcurrent)
  let known: { readonly hosts: readonly MxHost[]; readonly until: number } | undefined

  async function hosts(): Promise<readonly MxHost[]> {
    if (known !== undefined && clock.monotonicMs() < known.until) return known.hosts
    const addresses = await inTime(clock, deps.addressesOf(host))
    if (addresses.length === 0) throw new Error(`${host} has no address that may be used`)
    known = { hosts: [{ name: host, priority: 0, addresses }], until: clock.monotonicMs() + ADDRESSES_MS }
    return known.hosts
  }

  function routeTo(found: readonly MxHost[], { lane, ehloName }: RelayRoute): SendRoute {
    const { port, tls, isImplicitTls, tlsRule, auth } = options
    const implicit = isImplicitTls ? { isImplicitTls } : {}
    const rules = tlsRule && { tlsRules: new Map([[host, tlsRule]]) }
    return { lane, hosts: found, port, tls, ehloName, ...implicit, ...rules, ...(auth && { auth }) }
  }

  async function attempt(
    route: RelayRoute,
    message: OutgoingMessage,
  ): Promise<SendResult & Partial<SendSession>> {
    const rest = health.resting()
    if (rest !== undefined) {
      return { kind: 'unsent', reason: rest.reason, error: rest.error, retryAfterMs: rest.ms }
    }
    let found: readonly MxHost[]
    try {
      found = await hosts()
    } catch (error) {
      return lookupFailed(health, error)
    }
    const done = await transport.send(routeTo(found, route), message)
    return { ...done, ...meaningOf(health, done) }
  }

  return {
    name,
    rewrites: [],
    health: health.health,
    capacity: () => (health.resting() === undefined ? turnstile.room() : 0),
    async send(route, message) {
      const startedAt = clock.now()
      const entered = await turnstile.enter()
      if (entered !== 'in') {
        const closing = { kind: 'unsent', reason: 'closing', error: 'the process is stopping' } as const
        const full = { kind: 'unsent', reason: 'limited', error: 'too many wait for this relay' } as const
        return {
          ...nobody(startedAt, clock.now()),
          ...(entered === 'full' ? full : closing),
          retryAfterMs: 1_000,
        }
      }
      try {
        const done = await attempt(route, message)
        return { ...nobody(startedAt, clock.now()), ...done }
      } finally {
        turnstile.leave()
      }
    },
    close: (graceMs) => turnstile.close(graceMs),
  }
}

/** What the end of a conversation says about the relay, and with that in mind about the message. */
function meaningOf(health: HealthTracker, result: SendResult): SendResult {
  if (result.kind === 'broken' || result.kind === 'timeout') {
    health.failed(`${result.phase}: ${result.error}`)
    return result
  }
  if (result.kind === 'unsent' && result.reason === 'no_connection') health.failed(result.error)
  if (result.kind !== 'reply') return result
  const { code, text, enhanced } = result.reply
  const error = [code, enhanced, text].filter((part) => part !== undefined && part !== '').join(' ')
  if (NOT_LET_IN.has(code)) {
    health.suspended(error)
    return { kind: 'unsent', reason: 'suspended', error, retryAfterMs: SUSPENSION_MS }
  }
  return judged(health, result, error)
}

/**
 * What a reply says besides about the message. Before a recipient was named it can only be about us: a relay that is too
 * busy for us, or has a fault of its own, says so at MAIL.
 */
function judged(
  health: HealthTracker,
  result: Extract<SendResult, { kind: 'reply' }>,
  error: string,
): SendResult {
  const { phase } = result
  const { code, enhanced, text } = result.reply
  if (phase === 'data' || phase === 'dot' || code < 400) {
    health.worked()
  } else if (phase === 'mail' || phase === 'rcpt') {
    const { class: found } = classifyReply({ code, enhanced, text, phase, provider: 'relay' })
    if (code >= 500 && found === 'relaying_denied') {
      return { kind: 'unsent', reason: 'sender_refused', error, retryAfterMs: SENDER_REST_MS }
    }
    if (phase === 'mail' && found === 'rate_limited') {
      health.limited(error, LIMIT_REST_MS)
      return { kind: 'unsent', reason: 'limited', error, retryAfterMs: LIMIT_REST_MS }
    }
    if (phase === 'mail' && code < 500) health.failed(error)
    else health.worked()
  } else {
    health.failed(error)
  }
  return { ...result, isRelay: true }
}

function lookupFailed(health: HealthTracker, error: unknown): SendResult {
  const words = error instanceof Error ? error.message : String(error)
  health.failed(words)
  return { kind: 'broken', phase: 'connect', error: words, dotSent: false }
}

async function inTime<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  const done = new AbortController()
  const tooLate = clock.sleep(LOOKUP_MS, done.signal).then(() => {
    throw new Error('the name of the relay could not be looked up in time')
  })
  // The loser's end is nobody's business: it is told apart by who comes first.
  tooLate.catch(() => {})
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    done.abort()
  }
}

function nobody(startedAt: Date, endedAt: Date): SendSession {
  return { mxHost: null, mxAddress: null, isTls: false, tlsTries: [], transcript: '', startedAt, endedAt }
}
