import type { TlsFailureType } from '@pigeon/mail/tls-policy/tls-report.ts'
import type { TlsaRecord } from '@pigeon/mail/tls-policy/tlsa-record.ts'
import type { SendRoute } from './transport.ts'

/** What the certificate of a mail host must show. */
export type TlsProof =
  /** Nothing: RFC 7672 2.2 asks for encryption where TLSA records are there and none can be used. */
  | { readonly kind: 'encrypted' }
  /** RFC 8461 4.1: a chain to a known authority, and the name of the host. `ca` (PEM) stands in for the known ones. */
  | { readonly kind: 'webpki'; readonly ca?: string | undefined }
  /** RFC 7672 3: TLSA records that can be used, and the names that DANE-TA accepts. */
  | { readonly kind: 'dane'; readonly records: readonly TlsaRecord[]; readonly names: readonly string[] }
  /** No certificate will do: the policy does not name the host. Only ever in testing, where nothing depends on it. */
  | { readonly kind: 'unlisted' }

/** What a policy of the recipient's domain asks of TLS with one mail host. */
export interface TlsRule {
  /** Nothing is sent without the proof. Otherwise the mail goes, and the failure is only known. */
  readonly isEnforced: boolean
  readonly proof: TlsProof
  /** For SNI, when it is not the name of the host (RFC 7672 8.1). */
  readonly serverName?: string | undefined
  /** Who asks for it and who can correct it, as a sentence after what failed. */
  readonly demand: string
  /** Rules with the same key ask the same: their messages may share connections. */
  readonly key: string
}

/** Why TLS was not had, or was not proven. `reason` is a short code of ours or OpenSSL's, never a word of the server. */
export interface TlsFailure {
  readonly type: TlsFailureType
  readonly reason: string
  /** What failed, as a sentence without its full stop. */
  readonly text: string
}

/** How TLS went with one host; one of these a try, shared by every message of the connection that came of it. */
export interface TlsTry {
  readonly mxHost: string
  readonly mxAddress: string
  readonly sendingIp: string | null
  /** `TLSv1.3`; null without TLS. */
  readonly protocol: string | null
  readonly cipher: string | null
  /** A rule asked for a proof and it was given. */
  readonly isProven: boolean
  readonly failure: TlsFailure | null
}

/** What of a route's rules decides which messages may share its connections. */
export function tlsKey(route: SendRoute): string {
  if (route.tlsRules === undefined || route.tlsRules.size === 0) return ''
  const keys = route.hosts.map((host) => `${host.name}!${route.tlsRules?.get(host.name)?.key ?? ''}`)
  return keys.sort().join(',')
}
