import type { Answer } from 'dns-packet'
import type { DnsClient, DnsResult } from '#delivery/dns-client.ts'

/** A longer chain of aliases is a loop or an attack. */
const MAX_CNAMES = 8

/**
 * The names below which TLSA records of a mail host may be looked up (RFC 7672 2.1.3 and 2.2.2), the best first.
 * `addresses` are the answers about the host's addresses. When DNSSEC proves them, that is the name at the end of its
 * aliases, and then the host's own; when it proves the first alias only, the host's own; otherwise DANE does not apply.
 */
export async function findTlsaBases(
  client: DnsClient,
  host: string,
  addresses: readonly DnsResult[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = addresses.filter((result) => result.kind === 'answer').filter(hasAddress)
  if (found.length > 0 && found.every((result) => result.isAuthentic)) {
    return [...new Set([endOfAliases(found[0]?.answers ?? [], host), host])]
  }
  const isAlias = found.some((result) => result.answers.some((record) => record.type === 'CNAME'))
  if (!isAlias) return []
  const alias = await client.query(host, 'CNAME', signal)
  // What could not be asked may be proven: looking for TLSA then finds out, where passing over it would be a way round DANE.
  return alias.kind === 'failure' || alias.isAuthentic ? [host] : []
}

function hasAddress(result: Extract<DnsResult, { kind: 'answer' }>): boolean {
  return result.answers.some((record) => record.type === 'A' || record.type === 'AAAA')
}

function endOfAliases(answers: readonly Answer[], host: string): string {
  const aliases = new Map<string, string>()
  for (const record of answers)
    if (record.type === 'CNAME') aliases.set(plain(record.name), plain(record.data))
  let name = host
  for (let hops = 0; hops < MAX_CNAMES; hops += 1) name = aliases.get(name) ?? name
  return name
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}
