import { createPublicKey, generateKeyPair } from 'node:crypto'

/** RFC 8301 3.2: signers use at least 2048 bits; longer keys do not fit every DNS front end. */
const RSA_BITS = 2048
/** RFC 1035 3.3.14: a TXT record is a list of strings of at most 255 octets. */
const MAX_TXT_STRING = 255
/** Octets of the SPKI frame before the raw Ed25519 key (RFC 8410 4). */
const ED25519_SPKI_PREFIX = 12

export interface PemPair {
  /** PKCS #8. */
  readonly privateKey: string
  /** SPKI. */
  readonly publicKey: string
}

export interface DkimKeyPairs {
  readonly rsa: PemPair
  readonly ed25519: PemPair
}

/** A new RSA-2048 and a new Ed25519 pair, made in the thread pool (RSA takes 50 to 500 ms). */
export async function generateDkimKeys(): Promise<DkimKeyPairs> {
  const [rsa, ed25519] = await Promise.all([rsaPair(), ed25519Pair()])
  return { rsa, ed25519 }
}

/** The TXT record at `selector._domainkey.domain` for a public key in PEM (RFC 6376 3.6.1, RFC 8463 4). */
export function dkimTxtRecord(publicKeyPem: string): string {
  const key = createPublicKey(publicKeyPem)
  const der = key.export({ type: 'spki', format: 'der' })
  return key.asymmetricKeyType === 'ed25519'
    ? `v=DKIM1; k=ed25519; p=${der.subarray(ED25519_SPKI_PREFIX).toString('base64')}`
    : `v=DKIM1; k=rsa; p=${der.toString('base64')}`
}

/** The text of an ASCII TXT record as the strings it is made of. */
export function txtStrings(text: string): string[] {
  const strings: string[] = []
  for (let i = 0; i < text.length; i += MAX_TXT_STRING) strings.push(text.slice(i, i + MAX_TXT_STRING))
  return strings
}

const publicKeyEncoding = { type: 'spki', format: 'pem' } as const
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const

function rsaPair(): Promise<PemPair> {
  return new Promise((resolve, reject) => {
    const options = { modulusLength: RSA_BITS, publicKeyEncoding, privateKeyEncoding }
    generateKeyPair('rsa', options, (error, publicKey, privateKey) => {
      if (error) reject(error)
      else resolve({ publicKey, privateKey })
    })
  })
}

function ed25519Pair(): Promise<PemPair> {
  return new Promise((resolve, reject) => {
    generateKeyPair('ed25519', { publicKeyEncoding, privateKeyEncoding }, (error, publicKey, privateKey) => {
      if (error) reject(error)
      else resolve({ publicKey, privateKey })
    })
  })
}
