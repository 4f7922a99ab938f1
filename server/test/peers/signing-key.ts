import { generateKeyPairSync } from 'node:crypto'

/** What the peers sign with, and as whom. */
export interface SigningKey {
  readonly domain: string
  readonly selector: string
  /** PEM, in the form that OpenDKIM and Haraka read. */
  readonly privateKey: string
}

const RSA_BITS = 2048
const SELECTOR = 'bench'

export function createSigningKey(domain: string): SigningKey {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: RSA_BITS })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { domain, selector: SELECTOR, privateKey: pem }
}

/** Bits of the RSA key that made the message's signature of its domain; 0: it has none. */
export function signatureBits(message: string): number {
  const header = /^DKIM-Signature:[^\n]*\n(?:[ \t][^\n]*\n)*/m.exec(message)?.[0].replaceAll(/\s/g, '') ?? ''
  if (!header.includes('a=rsa-sha256')) return 0
  const signature = /;b=([\w+/=]+)/.exec(header)?.[1] ?? ''
  return Buffer.from(signature, 'base64').length * 8
}
