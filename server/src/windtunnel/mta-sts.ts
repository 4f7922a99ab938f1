import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CertificateAuthority } from './certificate-authority.ts'
import type { Habits } from './habits.schema.ts'
import type { Profile } from './profile.ts'
import { hostFor } from './provider-lookup.ts'

/** Loopback address of the policies: `mta-sts.` of every domain that has one. Its port is that of the receivers. */
export const MTA_STS_ADDRESS = '127.10.2.1'
const POLICY_PATH = '/.well-known/mta-sts.txt'
/** RFC 8461, 3.2, allows up to a year; a day is what a policy should have at least. */
const MAX_AGE_SECONDS = 86_400
const REQUEST_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 500

/** A provider's own domain that has a policy, and what it says at this moment. */
export interface StsDomain {
  readonly profile: Profile
  readonly mode: Exclude<Habits['mta_sts'], 'none'>
}

/** Whether a domain has a policy; undefined for most. */
export type StsLookup = (domain: string) => StsDomain | undefined

/** The TXT record at `_mta-sts.DOMAIN` (RFC 8461, 3.1). The id changes with the mode, so that clients ask again. */
export function stsRecord({ mode }: StsDomain): string {
  return `v=STSv1; id=${mode}1;`
}

/** The policy file (RFC 8461, 3.2). */
export function stsPolicy(domain: string, { profile, mode }: StsDomain): string {
  const hosts = profile.ownMx.map(({ exchange }) => `mx: ${hostFor(exchange, domain)}`)
  return ['version: STSv1', `mode: ${mode}`, ...hosts, `max_age: ${MAX_AGE_SECONDS}`, ''].join('\r\n')
}

/** Serves the policies over HTTPS on loopback. Rejects with the system's error when the port is taken. */
export async function startStsServer(
  deps: {
    readonly authority: CertificateAuthority
    readonly lookup: StsLookup
    /** Domains that may come to have a policy: the certificate is good for all of them. */
    readonly domains: readonly string[]
    readonly now: Date
  },
  port: number,
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const [first = 'policies.example', ...others] = deps.domains
  const hosts = [first, ...others].map((domain) => `mta-sts.${domain}`)
  const certificate = deps.authority.issue([hosts[0] ?? MTA_STS_ADDRESS, ...hosts.slice(1)], deps.now)
  const server = createServer({ ...certificate, requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) =>
    answer(deps.lookup, request, response),
  )
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: MTA_STS_ADDRESS, port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A handshake that fails is the visitor's affair.
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(lookup: StsLookup, request: IncomingMessage, response: ServerResponse): void {
  const domain = /^mta-sts\.([^:]+)/i.exec(request.headers.host ?? '')?.[1]?.toLowerCase()
  const found = domain === undefined ? undefined : lookup(domain)
  const isPolicy = request.method === 'GET' && request.url === POLICY_PATH
  if (!isPolicy || domain === undefined || found === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('No policy here.\n')
    return
  }
  response.writeHead(200, { 'content-type': 'text/plain' }).end(stsPolicy(domain, found))
}
