import { Buffer } from 'node:buffer'
import { hash, sign as signOctets, type KeyObject } from 'node:crypto'
import { parseDomain } from './address.ts'
import { relaxedBodyHash, relaxedFields, splitMessage, type RelaxedField } from './dkim-canonical.ts'
import { MailError } from './mail-error.ts'

/** Signed when present. List-Unsubscribe and its POST must be (RFC 8058 4). */
export const SIGNED_HEADERS: readonly string[] = [
  'from',
  'to',
  'cc',
  'reply-to',
  'subject',
  'date',
  'message-id',
  'in-reply-to',
  'references',
  'list-id',
  'list-unsubscribe',
  'list-unsubscribe-post',
  'feedback-id',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
]

/** Named once more than they are present, so that nobody can add a second one (RFC 6376 5.4.2, 8.15). */
const OVERSIGNED = new Set(['from', 'subject', 'to'])
const MAX_LINE = 76
const SELECTOR = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i

export type DkimAlgorithm = 'rsa-sha256' | 'ed25519-sha256'

export interface DkimKey {
  readonly selector: string
  readonly algorithm: DkimAlgorithm
  readonly privateKey: KeyObject
}

export interface DkimSignerOptions {
  readonly domain: string
  /** One signature each, in this order. */
  readonly keys: readonly DkimKey[]
  /** Default `SIGNED_HEADERS`. */
  readonly headerFields?: readonly string[] | undefined
}

export interface DkimSigner {
  /** Header lines to put before the message, each with its CRLF. The message has CRLF line ends. */
  sign(message: Buffer, how: SigningOptions): string
}

export interface SigningOptions {
  readonly timestampSeconds: number
  /** Headers that somebody will write anew on the way, in lower case: not signed. From always is. */
  readonly except?: readonly string[]
}

/** A signer for one domain (RFC 6376 relaxed/relaxed, RFC 8463). Keep it: what can be is computed here. */
export function createDkimSigner(options: DkimSignerOptions): DkimSigner {
  const found = parseDomain(options.domain, { allowSingleLabel: true })
  if (!found.ok) throw new MailError('bad_domain', found.message)
  for (const key of options.keys) checkKey(key)
  const wanted = [...new Set((options.headerFields ?? SIGNED_HEADERS).map((name) => name.toLowerCase()))]
  if (!wanted.includes('from')) throw new MailError('from_not_signed', 'DKIM must sign the From header.')
  const starts = options.keys.map(
    (key) => `v=1; a=${key.algorithm}; c=relaxed/relaxed; d=${found.domain};\r\n s=${key.selector}; t=`,
  )
  // Messages of one campaign have the same headers: the folded list of the last one nearly always fits.
  let lastNames = ''
  let lastList = ''

  function sign(message: Buffer, { timestampSeconds, except = [] }: SigningOptions): string {
    const { header, bodyStart } = splitMessage(message)
    const chosen = chooseFields(
      relaxedFields(header),
      except.length === 0 ? wanted : wanted.filter((name) => name === 'from' || !except.includes(name)),
    )
    if (chosen.names !== lastNames) {
      lastNames = chosen.names
      lastList = foldNames(chosen.names)
    }
    const rest = `${Math.floor(timestampSeconds)};\r\n ${lastList};\r\n bh=${relaxedBodyHash(message, bodyStart)};\r\n b=`
    let out = ''
    for (const [i, key] of options.keys.entries()) {
      const value = `${starts[i] ?? ''}${rest}`
      const data = `${chosen.lines}dkim-signature:${value.replaceAll('\r\n', '')}`
      out += `DKIM-Signature: ${value}${foldSignature(signWith(key, data))}\r\n`
    }
    return out
  }
  return { sign }
}

function checkKey(key: DkimKey): void {
  if (!SELECTOR.test(key.selector))
    throw new MailError('bad_selector', 'A DKIM selector is made of domain labels.')
  const expected = key.algorithm === 'rsa-sha256' ? 'rsa' : 'ed25519'
  if (key.privateKey.type !== 'private' || key.privateKey.asymmetricKeyType !== expected) {
    throw new MailError(
      'bad_dkim_key',
      `The key of selector ${key.selector} is not a private ${expected} key.`,
    )
  }
}

/** The `h=` names, and the canonical lines they stand for: of several with one name the last comes first (5.4.2). */
function chooseFields(
  fields: readonly RelaxedField[],
  wanted: readonly string[],
): { names: string; lines: string } {
  let names = ''
  let lines = ''
  for (const name of wanted) {
    for (let i = fields.length - 1; i >= 0; i -= 1) {
      const field = fields[i]
      if (field?.name !== name) continue
      names += `:${name}`
      lines += `${field.line}\r\n`
    }
    if (OVERSIGNED.has(name)) names += `:${name}`
  }
  return { names: names.slice(1), lines }
}

function foldNames(names: string): string {
  let out = ''
  let line = 'h='
  for (const name of names.split(':')) {
    if (line.length + name.length + 1 > MAX_LINE && line !== 'h=') {
      out += `${line}\r\n `
      line = ''
    }
    line += `${name}:`
  }
  return (out + line).slice(0, -1)
}

/** RFC 8463 3: Ed25519 signs the SHA-256 of the data, RSA hashes it itself. */
function signWith(key: DkimKey, data: string): string {
  if (key.algorithm === 'ed25519-sha256') {
    return signOctets(null, hash('sha256', Buffer.from(data, 'latin1'), 'buffer'), key.privateKey).toString(
      'base64',
    )
  }
  return signOctets('sha256', Buffer.from(data, 'latin1'), key.privateKey).toString('base64')
}

function foldSignature(base64: string): string {
  let out = base64.slice(0, MAX_LINE - 4)
  for (let i = MAX_LINE - 4; i < base64.length; i += MAX_LINE - 2) {
    out += `\r\n ${base64.slice(i, i + MAX_LINE - 2)}`
  }
  return out
}
