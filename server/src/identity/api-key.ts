import { createHmac, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Keys } from '#platform/keys/keys.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 36 of 62 characters: 214 bits. */
const SECRET_CHARS = 36
/** CRC-32 in base 62: tells a misspelt key from an unknown one without asking the database. */
const CHECKSUM_CHARS = 6
const PREFIX_CHARS = 'pg_live_'.length + 4
const WORDS = { live: 'pg_live_', sandbox: 'pg_test_' } as const
const KEY = /^(pg_live_|pg_test_)([0-9A-Za-z]{36})([0-9A-Za-z]{6})$/

export interface ApiKey {
  readonly id: string
  readonly user_id: string
  readonly name: string
  /** The beginning of the key, by which a person recognises it. */
  readonly prefix: string
  readonly mode: SendingMode
  readonly scopes: string[]
  readonly expires_at: Date | null
  readonly last_used_at: Date | null
  readonly revoked_at: Date | null
  readonly created_at: Date
}

/** `pg_live_` or `pg_test_`, 36 random characters, 6 of checksum. */
export function newApiKey(mode: SendingMode): string {
  const secret = Array.from({ length: SECRET_CHARS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join(
    '',
  )
  const body = `${WORDS[mode]}${secret}`
  return body + checksumOf(body)
}

/** Whether `text` is written like a key and its checksum is right. */
export function isApiKey(text: string): boolean {
  const [, word, secret, checksum] = KEY.exec(text) ?? []
  return word !== undefined && secret !== undefined && checksumOf(word + secret) === checksum
}

export function prefixOf(key: string): string {
  return key.slice(0, PREFIX_CHARS)
}

/** What is stored: HMAC-SHA256 under a key of the installation, so that a copied table alone is of no use. */
export function hashApiKey(keys: Keys, key: string): Buffer {
  return createHmac('sha256', keys.derive('api-key')).update(key).digest()
}

function checksumOf(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let i = 0; i < CHECKSUM_CHARS; i++) {
    text = ALPHABET.charAt(rest % ALPHABET.length) + text
    rest = Math.floor(rest / ALPHABET.length)
  }
  return text
}
