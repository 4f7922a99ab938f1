import { DAY_MS } from './rates.ts'
import { createCertificate } from '#platform/x509.ts'
import type { KeyAndCert } from '#platform/x509.ts'

const VALID_DAYS = 365

/** A fresh key and a certificate for these host names, signed by itself. Nothing is written to disk. */
export function createSelfSignedCertificate(hosts: readonly [string, ...string[]], now: Date): KeyAndCert {
  return createCertificate({
    commonName: hosts[0],
    hosts,
    from: new Date(now.getTime() - DAY_MS),
    until: new Date(now.getTime() + VALID_DAYS * DAY_MS),
  })
}
