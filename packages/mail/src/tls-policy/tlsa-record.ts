import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'

/** A TLSA record (RFC 6698 2.1). */
export interface TlsaRecord {
  /** 2: DANE-TA, an authority; 3: DANE-EE, the certificate of the server itself. 0 and 1 do not work for SMTP. */
  readonly usage: number
  /** 0: the whole certificate; 1: its public key (SubjectPublicKeyInfo). */
  readonly selector: number
  /** 0: what was selected; 1: its SHA-256; 2: its SHA-512. */
  readonly matchingType: number
  readonly data: Buffer
}

/** What of a certificate TLSA records speak about, in DER. */
export interface TlsaSubject {
  readonly certificate: Buffer
  readonly publicKey: Buffer
}

export const DANE_TA = 2
export const DANE_EE = 3

const HEAD_OCTETS = 3
const DIGEST_OCTETS: Readonly<Record<number, number>> = { 1: 32, 2: 64 }
/** A certificate of more is none that a mail host has. */
const MAX_DATA_OCTETS = 16 * 1024

/** Reads the octets of the record's data; undefined when they are none. */
export function parseTlsa(rdata: Buffer): TlsaRecord | undefined {
  const [usage, selector, matchingType] = rdata
  if (usage === undefined || selector === undefined || matchingType === undefined) return undefined
  const data = rdata.subarray(HEAD_OCTETS)
  if (data.length === 0 || data.length > MAX_DATA_OCTETS) return undefined
  return { usage, selector, matchingType, data }
}

/** Reads `3 1 1 0123…` as zone files have it (RFC 6698 2.2); undefined when it is not. */
export function parseTlsaText(text: string): TlsaRecord | undefined {
  const match = /^\s*(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s+((?:[0-9a-f]\s*)+)$/i.exec(
    text.slice(0, 4 * MAX_DATA_OCTETS),
  )
  const hex = match?.[4]?.replace(/\s+/g, '') ?? ''
  const head = match?.slice(1, 4).map(Number) ?? []
  if (match === null || hex.length % 2 !== 0 || head.some((number) => number > 255)) return undefined
  return parseTlsa(Buffer.concat([Buffer.from(head), Buffer.from(hex, 'hex')]))
}

/** As zone files have it: reports quote it so (RFC 8460 4.2). */
export function formatTlsa({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${data.toString('hex')}`
}

/**
 * The records that can prove something about a mail host: DANE-TA and DANE-EE with a selector and a digest that are
 * known (RFC 7672 3.1.3, PKIX-TA and PKIX-EE are unusable). Of several digests of the same kind only the strongest
 * counts (RFC 7671 9), so that a weak one cannot be attacked instead.
 */
export function usableTlsa(records: readonly TlsaRecord[]): TlsaRecord[] {
  const known = records.filter(isUsable)
  return known.filter(
    (one) =>
      one.matchingType === 0 ||
      !known.some(
        (other) =>
          other.usage === one.usage &&
          other.selector === one.selector &&
          other.matchingType > one.matchingType,
      ),
  )
}

function isUsable({ usage, selector, matchingType, data }: TlsaRecord): boolean {
  if ((usage !== DANE_TA && usage !== DANE_EE) || (selector !== 0 && selector !== 1)) return false
  return matchingType === 0 || DIGEST_OCTETS[matchingType] === data.length
}

/** Whether the record speaks about this certificate. */
export function matchesTlsa(record: TlsaRecord, subject: TlsaSubject): boolean {
  const selected = record.selector === 0 ? subject.certificate : subject.publicKey
  if (record.matchingType === 0) return selected.equals(record.data)
  return hash(record.matchingType === 1 ? 'sha256' : 'sha512', selected, 'buffer').equals(record.data)
}
