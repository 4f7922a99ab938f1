import { X509Certificate } from 'node:crypto'
import type { TlsFailureType } from '@pigeon/mail/tls-policy/tls-report.ts'
import { DANE_EE, DANE_TA, matchesTlsa, type TlsaRecord } from '@pigeon/mail/tls-policy/tlsa-record.ts'
import type { TlsFailure, TlsProof } from './tls-rule.ts'

/** What a server showed in its handshake. */
export interface TlsPeer {
  readonly protocol: string | null
  readonly cipher: string | null
  /** OpenSSL's code when the chain leads to no known authority, or is not valid now. */
  readonly trustError: string | undefined
  /** Certificates in DER, the server's own first. */
  chain(): readonly Buffer[]
}

/** A longer path is none that a certificate authority makes. */
const MAX_PATH = 8

/** What is missing of the proof that `host` is who it says; undefined when nothing is. `now` is for DANE-TA alone. */
export function missingProof(
  peer: TlsPeer,
  host: string,
  proof: TlsProof,
  now: Date,
): TlsFailure | undefined {
  if (proof.kind === 'encrypted') return undefined
  if (proof.kind === 'unlisted')
    return failure('validation-failure', 'mx-not-in-policy', `${host} is not named in the policy`)
  try {
    const chain = peer.chain().map((der) => new X509Certificate(der))
    const [leaf] = chain
    if (leaf === undefined)
      return failure('validation-failure', 'no-certificate', `${host} showed no certificate`)
    return proof.kind === 'webpki'
      ? missingTrust(peer, host, leaf)
      : missingDane(leaf, chain, host, proof, now)
  } catch {
    return failure(
      'validation-failure',
      'unreadable-certificate',
      `the certificate of ${host} cannot be read`,
    )
  }
}

/** RFC 8461 4.1, with the names of RFC 6125: the subject's common name does not count. */
function missingTrust(peer: TlsPeer, host: string, leaf: X509Certificate): TlsFailure | undefined {
  const { trustError } = peer
  if (trustError === 'CERT_HAS_EXPIRED') return expired(host, trustError)
  if (trustError !== undefined) {
    return failure(
      'certificate-not-trusted',
      trustError,
      `the certificate of ${host} is not one of a known authority (${trustError})`,
    )
  }
  return isNamed(leaf, host) ? undefined : misnamed(host)
}

function missingDane(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  host: string,
  proof: Extract<TlsProof, { kind: 'dane' }>,
  now: Date,
): TlsFailure | undefined {
  const { records, names } = proof
  // Names and dates of the certificate do not count (RFC 7672 3.1.1).
  if (isMatched(leaf, records, DANE_EE)) return undefined
  const path = pathToAuthority(leaf, chain, records)
  if (path === undefined) {
    return failure('validation-failure', 'tlsa-mismatch', `no TLSA record matches the certificate of ${host}`)
  }
  if (!path.every((one) => isValidAt(one, now))) return expired(host, 'CERT_HAS_EXPIRED')
  return names.some((name) => isNamed(leaf, name)) ? undefined : misnamed(host)
}

/**
 * The certificates from the server's own to one that a DANE-TA record speaks about, each signed by the next
 * (RFC 7672 3.1.2). An authority whose whole certificate is in the record need not be sent by the server.
 */
function pathToAuthority(
  leaf: X509Certificate,
  chain: readonly X509Certificate[],
  records: readonly TlsaRecord[],
): readonly X509Certificate[] | undefined {
  const known = [...chain.slice(1), ...wholeAuthorities(records)]
  const path = [leaf]
  while (path.length < MAX_PATH) {
    const last = path.at(-1) ?? leaf
    const issuers = known.filter((one) => !path.includes(one) && isIssuer(one, last))
    const issuer = issuers.find((one) => isMatched(one, records, DANE_TA)) ?? issuers[0]
    if (issuer === undefined) return undefined
    path.push(issuer)
    if (isMatched(issuer, records, DANE_TA)) return path
  }
  return undefined
}

function wholeAuthorities(records: readonly TlsaRecord[]): X509Certificate[] {
  return records
    .filter((one) => one.usage === DANE_TA && one.selector === 0 && one.matchingType === 0)
    .flatMap((one) => certificateIn(one.data))
}

function certificateIn(der: Buffer): X509Certificate[] {
  try {
    return [new X509Certificate(der)]
  } catch {
    // A record that holds no certificate matches none.
    return []
  }
}

function isIssuer(authority: X509Certificate, of: X509Certificate): boolean {
  return authority.ca && of.checkIssued(authority) && of.verify(authority.publicKey)
}

function isMatched(certificate: X509Certificate, records: readonly TlsaRecord[], usage: number): boolean {
  const publicKey = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const subject = { certificate: certificate.raw, publicKey }
  return records.some((record) => record.usage === usage && matchesTlsa(record, subject))
}

function isNamed(leaf: X509Certificate, name: string): boolean {
  return leaf.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined
}

function isValidAt(certificate: X509Certificate, now: Date): boolean {
  return certificate.validFromDate <= now && now <= certificate.validToDate
}

function expired(host: string, reason: string): TlsFailure {
  return failure('certificate-expired', reason, `the certificate of ${host} is not valid at this time`)
}

function misnamed(host: string): TlsFailure {
  return failure(
    'certificate-host-mismatch',
    'name-mismatch',
    `the certificate of ${host} is for other names`,
  )
}

function failure(type: TlsFailureType, reason: string, text: string): TlsFailure {
  return { type, reason, text }
}
