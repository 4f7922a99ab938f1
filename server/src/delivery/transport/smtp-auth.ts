import { hash, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import { MailError } from '@pigeon/mail/mail-error.ts'
import { chooseMechanism, startSasl, type SaslExchange } from '@pigeon/mail/sasl.ts'
import type { EhloFeatures } from '@pigeon/mail/smtp-reply.ts'
import { failed, refused, say, type Greeting } from './smtp-greeting.ts'
import type { SmtpWire } from './smtp-wire.ts'
import type { Transcript } from './transcript.ts'
import type { SmtpAuth, SmtpTimeouts } from './transport.ts'

export interface LoginOptions {
  readonly address: string
  readonly auth?: SmtpAuth | undefined
  readonly timeouts: SmtpTimeouts
}

/** No mechanism that we know asks more often. */
const MAX_STEPS = 4
/** RFC 4954 4: what does not fit a command line is sent as the answer to an empty challenge. */
const MAX_COMMAND_CHARS = 510
const NONCE_OCTETS = 18
/** Stands for what must not be in a transcript. */
const MASK = '(secret)'

/** Logs in where a log-in is given (RFC 4954). Undefined: mail can be sent. Nothing secret is written down. */
export async function logIn(
  wire: SmtpWire,
  options: LoginOptions,
  greeting: { readonly features: EhloFeatures; readonly isTls: boolean },
  transcript: Transcript,
): Promise<Extract<Greeting, { kind: 'failed' }> | undefined> {
  const { auth } = options
  if (auth === undefined) return undefined
  const give = (error: string): Extract<Greeting, { kind: 'failed' }> => {
    transcript.remark(error)
    return failed('auth', error)
  }
  if (!greeting.isTls && auth.allowWithoutTls !== true && !isLoopback(options.address))
    return give(
      'the user name and password are not sent without TLS: use a port of the relay that offers it, or allow it for this relay',
    )
  const mechanism = chooseMechanism(greeting.features.auth, auth.kind, greeting.isTls)
  if (mechanism === undefined) {
    const offered = greeting.features.auth.join(', ') || 'none'
    return give(
      `the relay offers no way to log in with a ${auth.kind} that Pigeon knows (it offers ${offered})`,
    )
  }
  try {
    const sasl = startSasl(mechanism, auth, randomBytes(NONCE_OCTETS).toString('base64'))
    return await exchange(wire, sasl, `AUTH ${mechanism}`, options.timeouts.ehloMs, transcript)
  } catch (error) {
    if (error instanceof MailError) return give(error.message)
    throw error
  }
}

async function exchange(
  wire: SmtpWire,
  sasl: SaslExchange,
  command: string,
  timeoutMs: number,
  transcript: Transcript,
): Promise<Extract<Greeting, { kind: 'failed' }> | undefined> {
  // RFC 4954 4: an initial response that is empty is written as "=".
  const initial = sasl.initial === undefined ? '' : ` ${base64(sasl.initial) || '='}`
  const isShort = command.length + initial.length <= MAX_COMMAND_CHARS
  let waiting = isShort ? undefined : sasl.initial
  let answer = await say(
    wire,
    isShort ? command + initial : command,
    'auth',
    timeoutMs,
    transcript,
    isShort && initial !== '' ? `${command} ${MASK}` : command,
  )
  for (let step = 0; step < MAX_STEPS; step += 1) {
    if (answer.kind === 'failed') return answer
    const { reply } = answer
    if (reply.code === 235)
      return sasl.mayEnd() ? undefined : failed('auth', 'the relay did not prove who it is')
    if (reply.code !== 334) return refused('auth', reply)
    const response = waiting ?? sasl.next(Buffer.from(reply.lines[0] ?? '', 'base64').toString())
    waiting = undefined
    answer = await say(wire, base64(response), 'auth', timeoutMs, transcript, MASK)
  }
  return failed('auth', 'the relay asks for more than there is')
}

/** Who a connection belongs to, in a form that tells nobody the secret. */
export function loginKey(auth: SmtpAuth | undefined): string {
  return auth === undefined ? '' : hash('sha256', JSON.stringify([auth.user, auth.kind, auth.secret]))
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function isLoopback(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith('127.') : address === '::1'
}
