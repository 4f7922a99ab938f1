import { parseEhlo, type EhloFeatures, type Reply } from '@pigeon/mail/smtp-reply.ts'
import type { SendPhase, SendResult, SmtpTimeouts, TlsPolicy } from './transport.ts'
import type { Transcript } from './transcript.ts'
import type { SmtpWire, TlsSessionSlot, WireRead } from './smtp-wire.ts'

export interface GreetingOptions {
  readonly host: string
  readonly ehloName: string
  readonly tls: TlsPolicy
  readonly tlsSession?: TlsSessionSlot | undefined
  readonly isImplicitTls?: boolean | undefined
  readonly timeouts: SmtpTimeouts
}

/** How the greeting ended. `tls_broken`: the server offered TLS and could not do it. */
export type Greeting =
  | { readonly kind: 'ready'; readonly features: EhloFeatures; readonly isTls: boolean }
  | { readonly kind: 'failed'; readonly result: SendResult; readonly tlsBroken: boolean }

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
    const end = await secure(wire, options, transcript)
    if (end !== undefined) return end
  }
  const banner = await hear(wire, 'banner', timeouts.bannerMs, transcript)
  if (banner.kind === 'failed') return banner
  if (banner.reply.code !== 220) return refused('banner', banner.reply)
  const hello = await sayHello(wire, options, transcript)
  if (options.isImplicitTls === true) return { ...hello, ...(hello.kind === 'ready' && { isTls: true }) }
  if (hello.kind !== 'ready' || options.tls === 'none') return hello
  if (!hello.features.starttls) {
    return options.tls === 'required' ? failed('tls', 'STARTTLS is not offered') : hello
  }
  return startTls(wire, options, transcript, hello)
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
  if (answer.kind === 'failed') return { ...answer, tlsBroken: true }
  if (answer.reply.code !== 220) {
    const goesOn = options.tls === 'opportunistic' && answer.reply.code !== 421
    return goesOn ? plain : refused('tls', answer.reply)
  }
  const end = await secure(wire, options, transcript)
  if (end !== undefined) return { ...end, tlsBroken: true }
  const hello = await sayHello(wire, options, transcript)
  if (hello.kind === 'failed') return { ...hello, tlsBroken: hello.result.kind !== 'reply' }
  return { ...hello, isTls: true }
}

async function secure(
  wire: SmtpWire,
  { host, timeouts, tlsSession }: GreetingOptions,
  transcript: Transcript,
): Promise<Extract<Greeting, { kind: 'failed' }> | undefined> {
  const end = await wire.secure(host, timeouts.tlsMs, tlsSession)
  transcript.remark(
    end === undefined ? `TLS is on${wire.isResumed() ? ', resumed' : ''}` : `TLS failed: ${end.error}`,
  )
  return end && failed('tls', end.error, end.kind)
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
