import { commandMail, commandRcpt, needsSmtputf8 } from './smtp-data.ts'
import { dsnOfMail, dsnOfRcpt, type DsnRequest } from './smtp-dsn.ts'
import type { EhloFeatures } from './smtp-reply.ts'

export interface EnvelopeInput {
  /** Empty for the null sender. */
  readonly mailFrom: string
  readonly rcptTo: string
  /** Octets of the message as it is, dots not doubled (RFC 1870 5). */
  readonly sizeOctets: number
  /** Whether an octet of the message is above 127. */
  readonly is8Bit: boolean
  /** Whether one of them stands in its header (RFC 6532). */
  readonly hasUtf8Header: boolean
  readonly dsn?: DsnRequest | undefined
}

/** What a server must offer before this message may be given to it. */
export type LackingExtension = 'SIZE' | '8BITMIME' | 'SMTPUTF8'

/** The commands with their CRLF, or why this server cannot take the message. */
export type Envelope =
  | { readonly ok: true; readonly mail: string; readonly rcpt: string }
  | { readonly ok: false; readonly lacks: LackingExtension; readonly message: string }

/**
 * MAIL and RCPT for a server that offers `features`, each with the parameters that it understands. Nothing is sent to a
 * server that said beforehand that it cannot take it. Throws `MailError` for an address that cannot be in a path.
 */
export function writeEnvelope(features: EhloFeatures, input: EnvelopeInput): Envelope {
  const { mailFrom, rcptTo, sizeOctets, is8Bit } = input
  const isUtf8 = input.hasUtf8Header || needsSmtputf8(rcptTo) || needsSmtputf8(mailFrom)
  const lacks = lackingFor(features, input, isUtf8)
  if (lacks !== undefined) return { ok: false, lacks, message: inWords(lacks, features, sizeOctets) }
  const dsn = features.dsn ? input.dsn : undefined
  const mail = commandMail(mailFrom, {
    size: features.size === undefined ? undefined : sizeOctets,
    body8bit: is8Bit && features.eightBitMime,
    smtputf8: isUtf8,
    dsn: dsn === undefined ? undefined : dsnOfMail(dsn),
  })
  const rcpt = commandRcpt(rcptTo, dsn === undefined ? undefined : dsnOfRcpt(dsn, rcptTo))
  return { ok: true, mail, rcpt }
}

function lackingFor(
  features: EhloFeatures,
  { sizeOctets, is8Bit }: EnvelopeInput,
  isUtf8: boolean,
): LackingExtension | undefined {
  // RFC 1870 3: a limit of 0 is no limit.
  if (features.size !== undefined && features.size > 0 && sizeOctets > features.size) return 'SIZE'
  if (isUtf8 && !features.smtputf8) return 'SMTPUTF8'
  // RFC 6152 3: convert it or give up; RFC 6531 3.1 has 8BITMIME come with SMTPUTF8.
  return is8Bit && !features.eightBitMime && !features.smtputf8 ? '8BITMIME' : undefined
}

function inWords(lacks: LackingExtension, features: EhloFeatures, sizeOctets: number): string {
  const words = {
    SIZE: `The message has ${sizeOctets} octets, and the mail server takes at most ${features.size}: make it smaller.`,
    SMTPUTF8:
      'An address or a header has letters outside ASCII, and the mail server does not offer SMTPUTF8: ask the recipient for another address.',
    '8BITMIME':
      'The message has octets above 127, and the mail server does not offer 8BITMIME: write it in quoted-printable or base64.',
  }
  return words[lacks]
}
