import { parseDomain } from '@pigeon/mail/address.ts'
import type { DomainStatus, SendingMode } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'

/** A DNS record that the owner of a domain must publish. */
export interface DnsRecord {
  readonly type: 'TXT'
  readonly name: string
  readonly value: string
}

export type RecordStatus = 'unchecked' | 'ok' | 'missing' | 'wrong' | 'failed'

/** What the last look-up of a record found, and what to do about it. */
export interface RecordCheck {
  readonly status: RecordStatus
  readonly found: readonly string[]
  readonly message: string
}

export interface Domain {
  readonly id: string
  readonly name: string
  readonly status: DomainStatus
  /** Where its records were found. Those of the simulated Internet allow no live sending. */
  readonly verified_in: SendingMode | null
  readonly verified_at: Date | null
  readonly last_checked_at: Date | null
  readonly dns_records: readonly (DnsRecord & RecordCheck)[]
  readonly created_at: Date
}

/** A-labels, lower case. Problem `domains.bad_name`. */
export function parseDomainName(text: string): string {
  const parsed = parseDomain(text.trim().replace(/\.$/, ''))
  if (parsed.ok) return parsed.domain
  throw new Problem('invalid', 'domains.bad_name', parsed.message, {
    errors: [{ field: 'name', code: 'domains.bad_name', message: parsed.message }],
  })
}

/** The domain itself and those above it that could have been verified for it: `a.b.example.com`, `b.example.com`, ... */
export function domainAndParents(name: string): string[] {
  const labels = name.split('.')
  return labels.slice(0, -1).map((_, index) => labels.slice(index).join('.'))
}

/**
 * Two keys a domain, each with a selector of this row's own: tenants that try the same domain, and a domain that is
 * deleted and added again, do not overwrite each other's records. The end of a UUIDv7 is random.
 */
export function selectorsOf(domainId: string): { rsa: string; ed25519: string } {
  const tag = domainId.replaceAll('-', '').slice(-8)
  return { rsa: `pg${tag}-rsa`, ed25519: `pg${tag}-ed` }
}

export function dkimRecordName(selector: string, domain: string): string {
  return `${selector}._domainkey.${domain}`
}

export const UNCHECKED: RecordCheck = {
  status: 'unchecked',
  found: [],
  message: 'Publish this record, then verify the domain.',
}

/** Why a look-up gave no answer. */
export type Lookup =
  | { readonly kind: 'found'; readonly texts: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string }

/** Compares what stands in DNS with what must stand there (RFC 6376, section 3.6.1: tags in any order, spaces ignored). */
export function checkRecord(expected: DnsRecord, lookup: Lookup): RecordCheck {
  if (lookup.kind === 'failed') {
    return {
      status: 'failed',
      found: [],
      message: `The look-up of ${expected.name} failed (${lookup.reason}). Try again in a few minutes.`,
    }
  }
  const found = [...lookup.texts]
  if (found.length === 0) {
    return {
      status: 'missing',
      found,
      message: `There is no TXT record at ${expected.name} yet. A new record can take an hour to be seen.`,
    }
  }
  const matching = found.filter((text) => isSameKey(text, expected.value))
  if (matching.length === 0) return { status: 'wrong', found, message: whatIsWrong(expected, found) }
  if (found.length > 1) {
    return {
      status: 'wrong',
      found,
      message: `There are ${found.length} TXT records at ${expected.name}. Remove all but the one shown here.`,
    }
  }
  return { status: 'ok', found, message: 'Found.' }
}

function whatIsWrong(expected: DnsRecord, found: readonly string[]): string {
  const wanted = tagsOf(expected.value).get('p') ?? ''
  const keys = found.map((text) => tagsOf(text).get('p'))
  if (keys.some((key) => key !== undefined && key !== '' && key !== wanted && wanted.startsWith(key))) {
    return `The key at ${expected.name} is cut off. A TXT record holds strings of at most 255 characters: enter the value as several strings, which are joined.`
  }
  if (keys.includes(wanted))
    return `The record at ${expected.name} has the right key, but other tags (v=, k=) than shown here. Copy the whole value.`
  if (keys.every((key) => key === undefined))
    return `The TXT record at ${expected.name} is not a DKIM record. Enter the value shown here.`
  return `The TXT record at ${expected.name} has another key. Replace it by the value shown here.`
}

function isSameKey(text: string, expected: string): boolean {
  const [have, want] = [tagsOf(text), tagsOf(expected)]
  const version = have.get('v')
  if (version !== undefined && version !== 'DKIM1') return false
  return have.get('p') === want.get('p') && (have.get('k') ?? 'rsa') === (want.get('k') ?? 'rsa')
}

function tagsOf(text: string): Map<string, string> {
  const tags = text.split(';').map((part) => {
    const at = part.indexOf('=')
    return [part.slice(0, at).trim(), part.slice(at + 1).replaceAll(/\s+/g, '')] as const
  })
  return new Map(tags.filter(([name]) => name !== ''))
}
