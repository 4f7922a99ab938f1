import { Buffer } from 'node:buffer'
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { MailError } from './mail-error.ts'

/** Who logs in. `password` or an OAuth 2 access token; neither is written anywhere by this package. */
export interface SaslCredentials {
  readonly user: string
  readonly kind: 'password' | 'token'
  readonly secret: string
}

export type SaslMechanism = 'PLAIN' | 'LOGIN' | 'SCRAM-SHA-256' | 'CRAM-MD5' | 'XOAUTH2'

/** One log-in of a client. Messages are those of SASL (RFC 4422), without the base64 of SMTP. */
export interface SaslExchange {
  /** What goes with the AUTH command; undefined: the server speaks first. */
  readonly initial: string | undefined
  /** The answer to a challenge. Throws `MailError` (`sasl_...`) when the server must not get one. */
  next(challenge: string): string
  /** Whether the server may call it a success now: with SCRAM it must have shown that it knows the password too. */
  mayEnd(): boolean
}

/**
 * Over TLS what every server can do comes first: many offer SCRAM and CRAM-MD5 without having what it takes to check
 * them. Without TLS (on loopback, or where somebody allowed it) what does not show the password comes first.
 */
const OVER_TLS: readonly SaslMechanism[] = ['PLAIN', 'LOGIN', 'SCRAM-SHA-256', 'CRAM-MD5']
const IN_PLAIN: readonly SaslMechanism[] = ['SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN']
/** RFC 7677 4 asks for 4096; a server that wants less could be one that wants to guess. */
const MIN_ITERATIONS = 4_096
/** A tenth of a second, in which the process does nothing else. */
const MAX_ITERATIONS = 200_000
const SHA256_OCTETS = 32

/** The best mechanism of those that the server offers (upper case); undefined when there is none. */
export function chooseMechanism(
  offered: readonly string[],
  kind: SaslCredentials['kind'],
  isTls: boolean,
): SaslMechanism | undefined {
  const known = kind === 'token' ? (['XOAUTH2'] as const) : isTls ? OVER_TLS : IN_PLAIN
  return known.find((mechanism) => offered.includes(mechanism))
}

/** Begins to log in. `nonce`: printable ASCII without comma, new each time. Throws `MailError` for a NUL in what is sent. */
export function startSasl(
  mechanism: SaslMechanism,
  credentials: SaslCredentials,
  nonce: string,
): SaslExchange {
  const { user, secret } = credentials
  if (/[\0\r\n]/.test(user + secret)) {
    throw new MailError('sasl_bad_secret', 'A user name or password holds a NUL or a line break.')
  }
  switch (mechanism) {
    case 'PLAIN':
      return exchange(`\0${user}\0${secret}`, [])
    case 'LOGIN':
      return exchange(undefined, [() => user, () => secret])
    case 'CRAM-MD5':
      // RFC 2195 2.
      return exchange(undefined, [
        (challenge) => `${user} ${createHmac('md5', secret).update(challenge).digest('hex')}`,
      ])
    case 'XOAUTH2':
      // A refusal comes as a challenge with its reason; an empty answer brings the code.
      return exchange(`user=${user}\u0001auth=Bearer ${secret}\u0001\u0001`, [() => ''])
    case 'SCRAM-SHA-256':
      return scram(user, secret, nonce)
    default:
      throw new MailError('sasl_unknown', 'This mechanism is not known.')
  }
}

function exchange(
  initial: string | undefined,
  answers: readonly ((challenge: string) => string)[],
): SaslExchange {
  let step = 0
  return {
    initial,
    next(challenge) {
      const answer = answers[step]
      step += 1
      if (answer === undefined)
        throw new MailError('sasl_too_long', 'The server asks for more than there is.')
      return answer(challenge)
    },
    mayEnd: () => true,
  }
}

/** RFC 5802 3 with SHA-256 (RFC 7677). Of SASLprep (RFC 4013) the part that matters to passwords people type: NFKC. */
function scram(user: string, secret: string, nonce: string): SaslExchange {
  const name = user.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')
  const first = `n=${name},r=${nonce}`
  let expected: Buffer | undefined
  let isProven = false

  function answerTo(challenge: string): string {
    const { r = '', s = '', i = '' } = attributesOf(challenge)
    const iterations = Number(i)
    if (!r.startsWith(nonce) || r === nonce) throw refused('the server did not take up our nonce')
    if (!/^\d{1,9}$/.test(i) || iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
      throw refused(`the server asks for ${i} iterations, not ${MIN_ITERATIONS} to ${MAX_ITERATIONS}`)
    const salted = pbkdf2Sync(
      secret.normalize('NFKC'),
      Buffer.from(s, 'base64'),
      iterations,
      SHA256_OCTETS,
      'sha256',
    )
    const clientKey = hmac(salted, 'Client Key')
    const last = `c=biws,r=${r}`
    const signed = `${first},${challenge},${last}`
    const signature = hmac(createHash('sha256').update(clientKey).digest(), signed)
    expected = hmac(hmac(salted, 'Server Key'), signed)
    const proof = clientKey.map((octet, at) => octet ^ (signature[at] ?? 0))
    return `${last},p=${Buffer.from(proof).toString('base64')}`
  }

  return {
    initial: `n,,${first}`,
    next(challenge) {
      if (expected === undefined) return answerTo(challenge)
      const { v = '', e } = attributesOf(challenge)
      const shown = Buffer.from(v, 'base64')
      if (e !== undefined) throw refused(`the server says ${e}`)
      if (shown.length !== expected.length || !timingSafeEqual(shown, expected))
        throw refused('the server does not know the password either')
      isProven = true
      return ''
    },
    mayEnd: () => isProven,
  }
}

function attributesOf(message: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(message.split(',').map((each) => [each.slice(0, 1), each.slice(2)]))
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function refused(reason: string): MailError {
  return new MailError('sasl_scram', `SCRAM-SHA-256: ${reason}.`)
}
