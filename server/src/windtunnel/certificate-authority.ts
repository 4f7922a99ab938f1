import { createPrivateKey } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import { DAY_MS } from './rates.ts'
import { createCertificate } from '#platform/x509.ts'
import type { KeyAndCert } from '#platform/x509.ts'

const NAME = 'Pigeon windtunnel authority'
/** UTCTime ends in 2049 (RFC 5280, 4.1.2.5.1). */
const AUTHORITY_DAYS = 3650
const VALID_DAYS = 365

const FileSchema = Type.Object({ key: Type.String(), cert: Type.String() })

/** Signs the certificates of the simulated servers. Whoever trusts it trusts them, and nobody else does. */
export interface CertificateAuthority {
  /** PEM, to be trusted in the sandbox. */
  readonly cert: string
  issue(hosts: readonly [string, ...string[]], now: Date): KeyAndCert
  /** One whose time is over since yesterday. */
  issueExpired(hosts: readonly [string, ...string[]], now: Date): KeyAndCert
}

/** Opens the authority kept in `file`, or makes one: what trusts it goes on trusting it after a restart. */
export async function openCertificateAuthority(file: string, now: Date): Promise<CertificateAuthority> {
  const own = (await readAuthority(file)) ?? (await makeAuthority(file, now))
  const issuer = { commonName: NAME, privateKey: createPrivateKey(own.key) }
  const between = (hosts: readonly [string, ...string[]], fromMs: number, untilMs: number) =>
    createCertificate({
      commonName: hosts[0],
      hosts,
      issuer,
      from: new Date(fromMs),
      until: new Date(untilMs),
    })
  return {
    cert: own.cert,
    issue: (hosts, now) => between(hosts, now.getTime() - DAY_MS, now.getTime() + VALID_DAYS * DAY_MS),
    issueExpired: (hosts, now) => between(hosts, now.getTime() - VALID_DAYS * DAY_MS, now.getTime() - DAY_MS),
  }
}

async function readAuthority(file: string): Promise<KeyAndCert | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const content: unknown = JSON.parse(text)
  if (Value.Check(FileSchema, content)) return content
  throw new Problem(
    'invalid',
    'windtunnel.authority_unreadable',
    `${file} is not a certificate authority; delete it to make a new one.`,
  )
}

async function makeAuthority(file: string, now: Date): Promise<KeyAndCert> {
  const made = createCertificate({
    commonName: NAME,
    hosts: [],
    from: new Date(now.getTime() - DAY_MS),
    until: new Date(now.getTime() + AUTHORITY_DAYS * DAY_MS),
    isAuthority: true,
  })
  await writeFile(`${file}.new`, JSON.stringify(made), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return made
}
