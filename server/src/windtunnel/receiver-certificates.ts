import { createSecureContext } from 'node:tls'
import type { SecureContext } from 'node:tls'
import type { CertificateAuthority } from './certificate-authority.ts'
import type { TlsMode } from './habits.schema.ts'
import type { Profile } from './profile.ts'
import { hostFor } from './provider-lookup.ts'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'
import type { KeyAndCert } from '#platform/x509.ts'

const WRONG_NAME = 'somebody-else.example'

/** What STARTTLS does at a receiver at this moment. */
export type StartTls =
  | { readonly kind: 'absent' }
  /** The handshake fails, whatever the client does. */
  | { readonly kind: 'broken' }
  | { readonly kind: 'certificate'; readonly context: SecureContext }

/** Makes the certificates of one provider, each when it is first needed. */
export function receiverCertificates(
  deps: { readonly authority: CertificateAuthority; readonly now: () => Date },
  profile: Profile,
): (mode: TlsMode) => StartTls {
  const made = new Map<TlsMode, StartTls>()
  return (mode) => {
    if (mode === 'none') return { kind: 'absent' }
    if (mode === 'broken') return { kind: 'broken' }
    const known = made.get(mode)
    if (known !== undefined) return known
    const context = createSecureContext(certificateFor(deps.authority, mode, hostsOf(profile), deps.now()))
    const fresh: StartTls = { kind: 'certificate', context }
    made.set(mode, fresh)
    return fresh
  }
}

function certificateFor(
  authority: CertificateAuthority,
  mode: Exclude<TlsMode, 'none' | 'broken'>,
  hosts: readonly [string, ...string[]],
  now: Date,
): KeyAndCert {
  if (mode === 'trusted') return authority.issue(hosts, now)
  if (mode === 'expired') return authority.issueExpired(hosts, now)
  return mode === 'wrong_name' ? authority.issue([WRONG_NAME], now) : createSelfSignedCertificate(hosts, now)
}

/** The names of its MX hosts for its own domains, and a wildcard for those it hosts. */
function hostsOf(profile: Profile): readonly [string, ...string[]] {
  const own = profile.ownMx.flatMap(({ exchange }) =>
    profile.domains.map((domain) => hostFor(exchange, domain)),
  )
  const hosted = profile.hostedMx.map(({ exchange }) => exchange.replace('{dashed}', '*')).filter(isHost)
  return [profile.host, ...new Set([...own, ...hosted])]
}

function isHost(name: string): boolean {
  return !name.includes('{')
}
