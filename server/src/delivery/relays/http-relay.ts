import { Agent as PlainAgent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { undoDotStuffing } from '@pigeon/mail/dot-unstuff.ts'
import { MailError } from '@pigeon/mail/mail-error.ts'
import { createTranscript, type Transcript } from '#delivery/transport/transcript.ts'
import type { OutgoingMessage, SendResult, SendSession } from '#delivery/transport/transport.ts'
import type { Clock } from '#platform/clock.ts'
import type { AddressLookup } from './endpoint.ts'
import { exchange, type HttpAnswer, type HttpExchange, type RelayTimeouts } from './http-exchange.ts'
import { answerText, NoCredentials, SENDER_REST_MS, type ApiVerdict, type RelayApi } from './relay-api.ts'
import { trackHealth, SUSPENSION_MS, type HealthTracker } from './relay-health.ts'
import { createTurnstile } from './turnstile.ts'
import type { Relay, RelayAlert } from './relay.ts'

export interface HttpRelayDeps {
  readonly clock: Clock
  readonly timeouts: RelayTimeouts
  readonly lookup: AddressLookup
  readonly alert: (alert: RelayAlert) => void
  /** Certificates to trust besides those of the system. */
  readonly ca?: string
}

export interface HttpRelayOptions {
  readonly name: string
  readonly endpoint: URL
  /** Requests at the same time, each on a connection of its own. */
  readonly maxConcurrent: number
}

/** A connection without a request is closed after this: before the other side does it while a request is on its way. */
const IDLE_MS = 4_000
const MAX_TEXT_CHARS = 500
/** When somebody may come again who found too many waiting. */
const BUSY_MS = 1_000

/** A relay that takes messages over HTTP, in the way of `api`. */
export function createHttpRelay(deps: HttpRelayDeps, options: HttpRelayOptions, api: RelayApi): Relay {
  const { name, endpoint, maxConcurrent } = options
  const isTls = endpoint.protocol === 'https:'
  const agentOptions = { keepAlive: true, maxSockets: maxConcurrent, timeout: IDLE_MS }
  const agent = isTls
    ? new TlsAgent({ ...agentOptions, ...(deps.ca === undefined ? {} : { ca: deps.ca }) })
    : new PlainAgent(agentOptions)
  const health = trackHealth(deps, name)
  const turnstile = createTurnstile(deps.clock, maxConcurrent)
  const stop = new AbortController()

  async function attempt(message: OutgoingMessage, transcript: Transcript): Promise<Attempted> {
    const entered = await turnstile.enter()
    if (entered !== 'in') return { result: turnedAway(entered), address: null }
    try {
      const rest = health.resting()
      return rest === undefined ? await post(message, transcript) : { result: resting(rest), address: null }
    } finally {
      turnstile.leave()
    }
  }

  async function post(message: OutgoingMessage, transcript: Transcript): Promise<Attempted> {
    let dot: Promise<void> | undefined
    // A second request for the same message is the same attempt.
    const beforeLastBlock = (): Promise<void> => (dot ??= message.beforeFinalDot())
    const first = await ask(message, transcript, false, beforeLastBlock)
    const isStale = api.hasTokens && first.end.kind === 'http' && first.end.status === 401
    const { end, address } = isStale ? await ask(message, transcript, true, beforeLastBlock) : first
    if (end.kind === 'http') return { result: judgeSafely(end), address }
    if (end.kind !== 'unsent') health.failed(`${end.phase}: ${redact(end.error)}`)
    return { result: { ...end, error: redact(end.error) }, address }
  }

  async function ask(
    message: OutgoingMessage,
    transcript: Transcript,
    isRefused: boolean,
    beforeLastBlock: () => Promise<void>,
  ): Promise<HttpExchange> {
    const mime = undoDotStuffing(message.data)
    const request = await api.request({ mailFrom: message.mailFrom, rcptTo: message.rcptTo, mime }, isRefused)
    transcript.client(`POST ${request.url.pathname} HTTP/1.1`)
    transcript.client(`Host: ${request.url.host}`)
    transcript.client(`<${request.body.length} octets>`)
    const { clock, timeouts, lookup } = deps
    const done = await exchange(
      { clock, timeouts, lookup, agent, signal: stop.signal },
      request,
      beforeLastBlock,
    )
    if (done.end.kind === 'http') hear(transcript, done.end)
    else transcript.remark(redact(done.end.error))
    return done
  }

  function judge(answer: HttpAnswer): SendResult {
    const verdict = api.read(answer)
    const text = answerText(answer, redact(wordsOf(answer, verdict)).slice(0, MAX_TEXT_CHARS))
    note(health, verdict, text)
    return resultOf(verdict, text)
  }

  /** A fault of ours in reading an answer must not hide that the relay has the message. */
  function judgeSafely(answer: HttpAnswer): SendResult {
    try {
      return judge(answer)
    } catch (error) {
      return { kind: 'broken', phase: 'dot', error: `HTTP ${answer.status}: ${String(error)}`, dotSent: true }
    }
  }

  /** Before anything is cut: half a secret would not be found. */
  function redact(text: string): string {
    return api
      .secrets()
      .reduce((so, secret) => (secret === '' ? so : so.replaceAll(secret, '[secret]')), text)
  }

  function hear(transcript: Transcript, answer: HttpAnswer): void {
    const text = redact(answer.body).slice(0, MAX_TEXT_CHARS)
    transcript.server({ code: answer.status, lines: text.split(/\r?\n/), text })
  }

  return {
    name,
    rewrites: api.rewrites,
    health: health.health,
    capacity: () => (health.resting() === undefined ? turnstile.room() : 0),
    async send(_route, message) {
      const startedAt = deps.clock.now()
      const transcript = createTranscript()
      transcript.remark(`relay ${name}`)
      let attempted: Attempted
      try {
        attempted =
          message.data.length > api.maxMessageOctets ? tooBig(api) : await attempt(message, transcript)
      } catch (error) {
        attempted = { result: unwritten(health, error), address: null }
      }
      const { result, address } = attempted
      return {
        ...result,
        ...sessionOf(endpoint, address, isTls),
        transcript: transcript.text(),
        startedAt,
        endedAt: deps.clock.now(),
      }
    },
    async close(graceMs) {
      await turnstile.close(graceMs)
      stop.abort()
      agent.destroy()
    },
  }
}

interface Attempted {
  readonly result: SendResult
  readonly address: string | null
}

function sessionOf(
  endpoint: URL,
  address: string | null,
  isTls: boolean,
): Pick<SendSession, 'mxHost' | 'mxAddress' | 'isTls' | 'tlsTries'> {
  return { mxHost: endpoint.hostname, mxAddress: address, isTls: isTls && address !== null, tlsTries: [] }
}

/** What the answer says about the relay. */
function note(health: HealthTracker, verdict: ApiVerdict, text: string): void {
  if (verdict.verdict === 'suspended') health.suspended(text)
  else if (verdict.verdict === 'limited') health.limited(text, verdict.retryAfterMs)
  else if (verdict.verdict === 'deferred' && verdict.isFault) health.failed(text)
  else health.worked()
}

function resultOf(verdict: ApiVerdict, text: string): SendResult {
  const refused = { kind: 'unsent', error: text } as const
  if (verdict.verdict === 'suspended') {
    return { ...refused, reason: 'suspended', retryAfterMs: SUSPENSION_MS }
  }
  if (verdict.verdict === 'limited') {
    return { ...refused, reason: 'limited', retryAfterMs: verdict.retryAfterMs }
  }
  if (verdict.verdict === 'sender_refused') {
    return { ...refused, reason: 'sender_refused', retryAfterMs: SENDER_REST_MS }
  }
  return {
    kind: 'answer',
    verdict: verdict.verdict,
    class: verdict.verdict === 'sent' ? null : verdict.class,
    text,
    relayId: verdict.verdict === 'sent' ? verdict.relayId : null,
    retryAfterMs: verdict.verdict === 'deferred' ? verdict.retryAfterMs : 0,
    inDoubt: verdict.verdict === 'deferred' && verdict.inDoubt,
  }
}

function wordsOf(answer: HttpAnswer, verdict: ApiVerdict): string {
  if (verdict.verdict === 'sent') return verdict.relayId === null ? '' : `id=${verdict.relayId}`
  return answer.body
}

/** The message has no form that the relay takes, or there is nothing to authorise it with; or writing it has a fault of ours. */
function unwritten(health: HealthTracker, error: unknown): SendResult {
  if (error instanceof NoCredentials) {
    health.suspended(error.message)
    return { kind: 'unsent', reason: 'suspended', error: error.message, retryAfterMs: SUSPENSION_MS }
  }
  if (error instanceof MailError) return failed('content', error.message)
  return { kind: 'broken', phase: 'connect', error: String(error), dotSent: false }
}

function tooBig(api: RelayApi): Attempted {
  const words = `The message has more than the ${api.maxMessageOctets} octets that the relay takes.`
  return { result: failed('message_too_big', words), address: null }
}

function failed(why: 'content' | 'message_too_big', text: string): SendResult {
  return {
    kind: 'answer',
    verdict: 'failed',
    class: why,
    text,
    relayId: null,
    retryAfterMs: 0,
    inDoubt: false,
  }
}

function resting(rest: NonNullable<ReturnType<HealthTracker['resting']>>): SendResult {
  return { kind: 'unsent', reason: rest.reason, error: rest.error, retryAfterMs: rest.ms }
}

function turnedAway(why: 'closed' | 'full'): SendResult {
  return why === 'closed'
    ? { kind: 'unsent', reason: 'closing', error: 'the process is stopping', retryAfterMs: 0 }
    : {
        kind: 'unsent',
        reason: 'limited',
        error: 'every connection to the relay is busy',
        retryAfterMs: BUSY_MS,
      }
}
