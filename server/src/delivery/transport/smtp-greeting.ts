import { parseEhlo, type EhloFeatures, type Reply } from '@pigeon/mail/smtp-reply.ts'
import type { SendPhase, SendResult, SmtpTimeouts, TlsPolicy } from './transport.ts'
import type { Transcript } from './transcript.ts'
import type { SmtpWire, TlsSessionSlot, WireRead } from './smtp-wire.ts'
import { missingProof } from './tls-proof.ts'
import type { TlsFailure, TlsRule, TlsTry } from './tls-rule.ts'

export interface GreetingOptions {
  readonly host: string
  readonly ehloName: string
  readonly tls: TlsPolicy
  readonly tlsSession?: TlsSessionSlot | undefined
  readonly isImplicitTls?: boolean | undefined
  readonly tlsRule?: TlsRule | undefined
  readonly now: Date
  readonly timeouts: SmtpTimeouts
}

/** How TLS went; absent where nobody got so far as to ask for it. */
type TlsCheck = Omit<TlsTry, 'mxHost' | 'mxAddress' | 'sendingIp'>

/** How the greeting ended. `tls_broken`: the server offered TLS and could not do it. */
export type Greeting =
  | {
      readonly kind: 'ready'
      readonly features: EhloFeatures
      readonly isTls: boolean
      readonly tls?: TlsCheck
    }
  | {
      readonly kind: 'failed'
      readonly result: SendResult
      readonly tlsBroken: boolean
      readonly tls?: TlsCheck
    }

type Step = { readonly kind: 'reply'; readonly reply: Reply } | Extract<Greeting, { kind: 'failed' }>

const HOST_NAME = /^[A-Za-z0-9.:[\]_-]{1,255}$/

/** Banner, EHLO (HELO for servers that do not know it), and STARTTLS with a second EHLO when it is offered. */
export async function greet(
  wire: SmtpWire,
  options: GreetingOptions,
  transcript: Transcript,
): Promise<Greeting> {
  if (!HOST_NAME.test(options.ehloName)) throw new TypeError('The EHLO name is not a host name.')
  const { timeouts } = options
  if (options.isImplicitTls === true) {
    const secured = await secure(wire, options, transcript)
    // There is nothing in plain to go back to.
    if (secured.kind === 'failed') return { ...secured, tlsBroken: false }
  }
  const banner = await hear(wire, 'banner', timeouts.bannerMs, transcript)
  if (banner.kind === 'failed') return banner
  if (banner.reply.code !== 220) return refused('banner', banner.reply)
  const hello = await sayHello(wire, options, transcript)
  if (options.isImplicitTls === true) return { ...hello, ...(hello.kind === 'ready' && { isTls: true }) }
  if (hello.kind !== 'ready' || options.tls === 'none') return hello
  if (!hello.features.starttls) return withoutTls(options, hello, 'STARTTLS is not offered')
  return startTls(wire, options, transcript, hello)
}

/** The server does not do TLS: the message goes in plain, or not at all. */
function withoutTls(
  options: GreetingOptions,
  plain: Extract<Greeting, { kind: 'ready' }>,
  text: string,
): Greeting {
  const tls = unproven({ type: 'starttls-not-supported', reason: 'starttls-not-supported', text })
  return options.tls === 'required' ? { ...failed('tls', explain(options, text)), tls } : { ...plain, tls }
}

async function sayHello(wire: SmtpWire, options: GreetingOptions, transcript: Transcript): Promise<Greeting> {
  const ehlo = await say(wire, `EHLO ${options.ehloName}`, 'ehlo', options.timeouts.ehloMs, transcript)
  if (ehlo.kind === 'failed') return ehlo
  if (ehlo.reply.code === 250) return { kind: 'ready', features: parseEhlo(ehlo.reply), isTls: false }
  if (ehlo.reply.code < 500) return refused('ehlo', ehlo.reply)
  // RFC 5321 4.1.4: a server that refuses EHLO is asked with HELO.
  const helo = await say(wire, `HELO ${options.ehloName}`, 'ehlo', options.timeouts.ehloMs, transcript)
  if (helo.kind === 'failed') return helo
  if (helo.reply.code !== 250) return refused('ehlo', helo.reply)
  return { kind: 'ready', features: parseEhlo({ ...helo.reply, lines: [] }), isTls: false }
}

async function startTls(
  wire: SmtpWire,
  options: GreetingOptions,
  transcript: Transcript,
  plain: Extract<Greeting, { kind: 'ready' }>,
): Promise<Greeting> {
  const { timeouts } = options
  const answer = await say(wire, 'STARTTLS', 'tls', timeouts.tlsMs, transcript)
  if (answer.kind === 'failed') return { ...answer, tlsBroken: true, tls: broken('no answer to STARTTLS') }
  if (answer.reply.code !== 220) {
    const goesOn = options.tls === 'opportunistic' && answer.reply.code !== 421
    // Under a rule it is no refusal of the message, whatever the code: somebody can correct it.
    return goesOn || options.tlsRule?.isEnforced === true
      ? withoutTls(options, plain, `STARTTLS was refused with ${answer.reply.code} ${answer.reply.text}`)
      : refused('tls', answer.reply)
  }
  const secured = await secure(wire, options, transcript)
  if (secured.kind === 'failed') return secured
  const { tls } = secured
  const hello = await sayHello(wire, options, transcript)
  if (hello.kind === 'failed') return { ...hello, tlsBroken: hello.result.kind !== 'reply', tls }
  return { ...hello, isTls: true, tls }
}

/** Who the server proved to be, as far as a rule asks. */
function checkPeer(wire: SmtpWire, options: GreetingOptions): TlsCheck {
  const peer = wire.peer()
  const { tlsRule, host, now } = options
  if (peer === undefined) return broken('the connection ended')
  const { protocol, cipher } = peer
  const failure = tlsRule === undefined ? undefined : missingProof(peer, host, tlsRule.proof, now)
  const asked = tlsRule !== undefined && tlsRule.proof.kind !== 'encrypted'
  return { protocol, cipher, isProven: asked && failure === undefined, failure: failure ?? null }
}

/** An OpenSSL or system code in an error's words. Nothing else of them goes into reports. */
const ERROR_CODE = /\b(?:E[A-Z]{3,15}|[A-Z0-9]{1,20}(?:_[A-Z0-9]{1,20}){1,8})\b/

function broken(error: string): TlsCheck {
  const reason = ERROR_CODE.exec(error)?.[0] ?? 'handshake-failed'
  return unproven({ type: 'validation-failure', reason, text: `the TLS handshake failed: ${error}` })
}

function unproven(failure: TlsFailure): TlsCheck {
  return { protocol: null, cipher: null, isProven: false, failure }
}

/** What failed, and under a rule who asks for it. */
function explain({ tlsRule }: GreetingOptions, text: string): string {
  return tlsRule?.isEnforced === true ? `${text}. ${tlsRule.demand}` : text
}

/** The handshake, and whether the server proved what a rule asks for. */
async function secure(
  wire: SmtpWire,
  options: GreetingOptions,
  transcript: Transcript,
): Promise<{ readonly kind: 'secured'; readonly tls: TlsCheck } | Extract<Greeting, { kind: 'failed' }>> {
  const { host, timeouts, tlsRule, tlsSession } = options
  const ca = tlsRule?.proof.kind === 'webpki' ? tlsRule.proof.ca : undefined
  // A resumed session shows no certificate: under a rule every connection proves itself anew.
  const session = tlsRule === undefined ? tlsSession : undefined
  const end = await wire.secure(tlsRule?.serverName ?? host, timeouts.tlsMs, { ca, session })
  if (end !== undefined) {
    transcript.remark(`TLS failed: ${end.error}`)
    const error = explain(options, end.error)
    return { ...failed('tls', error, end.kind), tlsBroken: true, tls: broken(end.error) }
  }
  transcript.remark(`TLS is on${wire.isResumed() ? ', resumed' : ''}`)
  const tls = checkPeer(wire, options)
  if (tls.failure !== null) transcript.remark(`TLS is not verified: ${tls.failure.text}`)
  if (tls.failure !== null && tlsRule?.isEnforced === true)
    return { ...failed('tls', explain(options, tls.failure.text)), tls }
  return { kind: 'secured', tls }
}

/** Sends a line and waits for its answer; `shown` stands for it in the transcript. */
export function say(
  wire: SmtpWire,
  line: string,
  phase: SendPhase,
  timeoutMs: number,
  transcript: Transcript,
  shown = line,
): Promise<Step> {
  transcript.client(shown)
  wire.write(`${line}\r\n`)
  return hear(wire, phase, timeoutMs, transcript)
}

async function hear(
  wire: SmtpWire,
  phase: SendPhase,
  timeoutMs: number,
  transcript: Transcript,
): Promise<Step> {
  const read: WireRead = await wire.read(timeoutMs)
  if (read.kind === 'reply') {
    transcript.server(read.reply)
    return read
  }
  transcript.remark(read.error)
  return failed(phase, read.error, read.kind)
}

export function refused(phase: SendPhase, reply: Reply): Extract<Greeting, { kind: 'failed' }> {
  return { kind: 'failed', result: { kind: 'reply', phase, reply }, tlsBroken: false }
}

export function failed(
  phase: SendPhase,
  error: string,
  kind: 'broken' | 'timeout' = 'broken',
): Extract<Greeting, { kind: 'failed' }> {
  return { kind: 'failed', result: { kind, phase, error, dotSent: false }, tlsBroken: false }
}
