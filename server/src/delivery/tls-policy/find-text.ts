import type { DnsClient } from '#delivery/dns-client.ts'

/** TXT records, each as its strings are joined. `ttlMs` is how long that may be believed. */
export type FoundText =
  | { readonly kind: 'records'; readonly records: readonly string[]; readonly ttlMs: number }
  | { readonly kind: 'failure'; readonly reason: string; readonly ttlMs: 0 }

const NEGATIVE_TTL_SECONDS = 300

/** The TXT records of a name, at the end of its aliases. Never rejects. */
export async function findText(client: DnsClient, name: string, signal: AbortSignal): Promise<FoundText> {
  const result = await client.query(name, 'TXT', signal)
  if (result.kind === 'failure') return { kind: 'failure', reason: result.reason, ttlMs: 0 }
  const found = result.answers.filter((record) => record.type === 'TXT')
  if (found.length === 0) {
    return { kind: 'records', records: [], ttlMs: (result.negativeTtl ?? NEGATIVE_TTL_SECONDS) * 1000 }
  }
  const records = found.map(({ data }) => [data].flat().map(String).join(''))
  return { kind: 'records', records, ttlMs: Math.min(...found.map((record) => record.ttl ?? 0)) * 1000 }
}
