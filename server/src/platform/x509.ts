import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const OID_ECDSA_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')
const OID_COMMON_NAME = Buffer.from('0603550403', 'hex')
const OID_SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex')
const OID_BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')

/** A key and its certificate, both in PEM. */
export interface KeyAndCert {
  readonly key: string
  readonly cert: string
}

export interface CertificateRequest {
  readonly commonName: string
  /** Host names it is good for; may begin with `*.`. */
  readonly hosts: readonly string[]
  readonly from: Date
  readonly until: Date
  /** Who signs: its name and private key. Absent: the new key itself. */
  readonly issuer?: { readonly commonName: string; readonly privateKey: KeyObject }
  /** May sign others (RFC 5280, 4.2.1.9). */
  readonly isAuthority?: boolean
}

/**
 * A fresh P-256 key and an X.509 v3 certificate (RFC 5280). Node can read certificates but not make them; this is the
 * little DER it takes.
 */
export function createCertificate(request: CertificateRequest): KeyAndCert {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = request.issuer ?? { commonName: request.commonName, privateKey }
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, positive(randomBytes(16))),
    sequence(OID_ECDSA_SHA256),
    nameOf(issuer.commonName),
    sequence(utcTime(request.from), utcTime(request.until)),
    nameOf(request.commonName),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(request))),
  )
  const signature = sign('sha256', toBeSigned, issuer.privateKey)
  const certificate = sequence(
    toBeSigned,
    sequence(OID_ECDSA_SHA256),
    der(0x03, Buffer.concat([Buffer.from([0]), signature])),
  )
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: pem(certificate) }
}

function extensions({ hosts, isAuthority }: CertificateRequest): Buffer[] {
  const wanted: Buffer[] = []
  if (isAuthority === true) wanted.push(sequence(OID_BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))))
  if (hosts.length > 0) {
    const alternatives = sequence(...hosts.map((host) => der(0x82, Buffer.from(host, 'ascii'))))
    wanted.push(sequence(OID_SUBJECT_ALT_NAME, der(0x04, alternatives)))
  }
  return wanted
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(OID_COMMON_NAME, der(0x0c, Buffer.from(commonName, 'utf8')))))
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

/** A serial number must not be negative: the highest bit is cleared, the next one set. */
function positive(bytes: Buffer): Buffer {
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0)
  return bytes
}

function utcTime(time: Date): Buffer {
  return der(0x17, Buffer.from(`${time.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`, 'ascii'))
}

function pem(certificate: Buffer): string {
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
