import { usableTlsa, type TlsaRecord } from '@pigeon/mail/tls-policy/tlsa-record.ts'
import type { DnsClient, DnsResult } from '#delivery/dns-client.ts'
import type { Clock } from '#platform/clock.ts'
import { createLookupCache } from './lookup-cache.ts'

/** What DNSSEC proves about the certificate of a mail host (RFC 7672 2.2). */
export type HostDane =
  /** There are no TLSA records, or nothing proves them: DANE does not apply. */
  | { readonly kind: 'none' }
  /** `usable` may be empty: then encryption is asked for, and no proof. */
  | {
      readonly kind: 'records'
      readonly base: string
      readonly records: readonly TlsaRecord[]
      readonly usable: readonly TlsaRecord[]
    }
  /** It could not be asked, or the answer was false: the host must not be used now (RFC 7672 2.1.2). */
  | { readonly kind: 'failed'; readonly reason: string }

export interface TlsaLookup {
  /** The TLSA records of a host, from the first of its names that has some. Never rejects. */
  find(bases: readonly string[], port: number): Promise<HostDane>
}

const DEADLINE_MS = 5_000
const MAX_ENTRIES = 20_000
const MIN_KEEP_MS = 60_000
const MAX_KEEP_MS = 3_600_000
const NEGATIVE_KEEP_MS = 240_000
const FAILURE_KEEP_MS = 15_000
/** A host with more records gains nothing from the rest. */
const MAX_RECORDS = 64

export function createTlsaLookup(deps: { readonly client: DnsClient; readonly clock: Clock }): TlsaLookup {
  const cache = createLookupCache<HostDane>({
    clock: deps.clock,
    maxEntries: MAX_ENTRIES,
    deadlineMs: DEADLINE_MS,
    load: async (name, signal) => read(name, await deps.client.query(name, 'TLSA', signal)),
  })
  return {
    async find(bases, port) {
      for (const base of bases) {
        const found = await cache.get(`_${port}._tcp.${base}`)
        if (found.kind !== 'none') return found
      }
      return { kind: 'none' }
    },
  }
}

function read(name: string, result: DnsResult): { value: HostDane; keepMs: number } {
  if (result.kind === 'failure') {
    return { value: { kind: 'failed', reason: `${name}: ${result.reason}` }, keepMs: FAILURE_KEEP_MS }
  }
  const answers = result.answers.filter((record) => record.type === 'TLSA').slice(0, MAX_RECORDS)
  if (!result.isAuthentic || answers.length === 0)
    return { value: { kind: 'none' }, keepMs: NEGATIVE_KEEP_MS }
  const records = answers.map(({ data }) => ({ ...data, data: data.certificate }))
  const ttlMs = Math.min(...answers.map((record) => record.ttl ?? 0)) * 1000
  return {
    value: {
      kind: 'records',
      base: name.replace(/^_\d+\._tcp\./, ''),
      records,
      usable: usableTlsa(records),
    },
    keepMs: Math.min(Math.max(ttlMs, MIN_KEEP_MS), MAX_KEEP_MS),
  }
}
