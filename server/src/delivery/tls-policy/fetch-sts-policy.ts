import { request } from 'node:https'
import { MAX_STS_POLICY_OCTETS, parseStsPolicy, type StsPolicy } from '@pigeon/mail/tls-policy/sts-policy.ts'
import type { DnsClient } from '#delivery/dns-client.ts'
import type { TlsFailure } from '#delivery/transport/tls-rule.ts'
import { findPublicAddresses } from './find-addresses.ts'

/** How policies are fetched in one mode. */
export interface StsFetchOptions {
  readonly client: DnsClient
  /** 443 on the Internet. */
  readonly port: number
  /** Authorities (PEM) in place of the known ones: for tests and the windtunnel. */
  readonly ca?: string | undefined
  /** Whether private, loopback and link-local addresses may be asked. */
  readonly allowPrivate: boolean
}

export type StsFetched =
  | { readonly kind: 'policy'; readonly policy: StsPolicy }
  | { readonly kind: 'failed'; readonly failure: TlsFailure }

const PATH = '/.well-known/mta-sts.txt'
/** OpenSSL's and Node's codes for a certificate that proves nothing. */
const CERTIFICATE_CODES = /CERT|SELF_SIGNED|VERIFY_LEAF/

/**
 * Fetches the policy of a domain (RFC 8461 3.3): over HTTPS from a host whose certificate is verified, without
 * following redirects. Never rejects; takes as long as `signal` lets it.
 */
export async function fetchStsPolicy(
  options: StsFetchOptions,
  domain: string,
  signal: AbortSignal,
): Promise<StsFetched> {
  const host = `mta-sts.${domain}`
  const addresses = await findPublicAddresses(options, host, signal)
  if (addresses.length === 0) return failed('sts-policy-fetch-error', 'no-address', `${host} has no address`)
  try {
    const text = await get(options, host, addresses, signal)
    const read = parseStsPolicy(text)
    return read.kind === 'policy'
      ? read
      : failed('sts-policy-invalid', 'invalid-policy', `the policy at ${host} is not valid: ${read.reason}`)
  } catch (error) {
    if (error instanceof RefusedAnswer) return failed(error.type, error.reason, `${host} ${error.message}`)
    const code = codeOf(error)
    const words = error instanceof Error ? error.message : String(error)
    return CERTIFICATE_CODES.test(code)
      ? failed('sts-webpki-invalid', code, `the certificate of ${host} is not valid: ${words}`)
      : failed('sts-policy-fetch-error', code, `${host} could not be asked: ${words}`)
  }
}

/** An answer that is no policy. */
class RefusedAnswer extends Error {
  readonly type: 'sts-policy-fetch-error' | 'sts-policy-invalid'
  readonly reason: string

  constructor(type: RefusedAnswer['type'], reason: string, message: string) {
    super(message)
    this.type = type
    this.reason = reason
  }
}

function get(
  options: StsFetchOptions,
  host: string,
  found: Awaited<ReturnType<typeof findPublicAddresses>>,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({
      host,
      port: options.port,
      path: PATH,
      headers: { accept: 'text/plain' },
      signal,
      agent: false,
      // Only the addresses that were looked at are connected to: no second look-up can lead elsewhere.
      lookup: (_name, _options, done) => done(null, found),
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    })
    const refuse = (error: Error): void => {
      reject(error)
      asking.destroy()
    }
    asking.on('error', reject)
    asking.on('response', (response) => {
      const { statusCode = 0 } = response
      if (statusCode !== 200) {
        return refuse(
          new RefusedAnswer('sts-policy-fetch-error', `http-${statusCode}`, `answered with ${statusCode}`),
        )
      }
      const type = response.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
      if (type !== 'text/plain') {
        return refuse(
          new RefusedAnswer('sts-policy-invalid', 'content-type', 'did not answer with text/plain'),
        )
      }
      const chunks: Buffer[] = []
      let octets = 0
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length
        chunks.push(chunk)
        if (octets > MAX_STS_POLICY_OCTETS)
          refuse(new RefusedAnswer('sts-policy-invalid', 'too-long', 'sent more than 64 kilobytes'))
      })
      response.on('error', reject)
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
      return undefined
    })
    asking.end()
  })
}

function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'AbortError') return 'timeout'
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown'
}

function failed(type: TlsFailure['type'], reason: string, text: string): StsFetched {
  return { kind: 'failed', failure: { type, reason, text } }
}
