import { generateKeyPairSync, hash, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto'

/** A key and a certificate, as a TLS server is given them. */
export interface TestCertificate {
  readonly key: string
  /** PEM: the certificate, and those of the authorities that are sent with it. */
  readonly cert: string
  readonly x509: X509Certificate
}

export interface IssueOptions {
  /** Default: valid since yesterday, for a year. */
  readonly from?: Date
  readonly to?: Date
  /** Whether it may sign others. */
  readonly isAuthority?: boolean
  /** Whether the certificate of its issuer goes with it; default true. */
  readonly isWithIssuer?: boolean
}

export interface TestAuthority extends TestCertificate {
  issue(names: readonly [string, ...string[]], options?: IssueOptions): Issued
}

const DAY_MS = 86_400_000
const OID_ECDSA_SHA256 = Buffer.from('06082a8648ce3d040302', 'hex')
const OID_COMMON_NAME = Buffer.from('0603550403', 'hex')
const OID_SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex')
const OID_BASIC_CONSTRAINTS = Buffer.from('0603551d13', 'hex')
const TRUE = Buffer.from('0101ff', 'hex')

type Issued = TestCertificate & { readonly signer: Signer }

interface Signer {
  readonly name: Buffer
  readonly key: KeyObject
  readonly pem: string
}

/** A certificate authority that only the test trusts, with a certificate signed by itself. */
export function createTestAuthority(name = 'Test Authority'): TestAuthority {
  return authority(write([name], { isAuthority: true }, undefined))
}

/** A certificate that nobody else signed. */
export function createLoneCertificate(names: readonly [string, ...string[]]): TestCertificate {
  return write(names, {}, undefined)
}

/** One that signs below an authority; `isAuthority` false: without being allowed to. */
export function createTestIntermediate(
  above: TestAuthority,
  options: IssueOptions = { isAuthority: true },
): TestAuthority {
  return authority(above.issue(['intermediate.example'], options))
}

/** The data of a TLSA record about a certificate. */
export function tlsaData(of: TestCertificate, selector: number, matchingType: number): Buffer {
  const whole = selector === 0 ? of.x509.raw : of.x509.publicKey.export({ type: 'spki', format: 'der' })
  if (matchingType === 0) return whole
  return hash(matchingType === 1 ? 'sha256' : 'sha512', whole, 'buffer')
}

function authority(own: Issued): TestAuthority {
  return { ...own, issue: (names, options = {}) => write(names, options, own.signer) }
}

function write(
  names: readonly [string, ...string[]],
  options: IssueOptions,
  issuer: Signer | undefined,
): Issued {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const subject = sequence(der(0x31, sequence(OID_COMMON_NAME, der(0x0c, Buffer.from(names[0])))))
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, serial()),
    sequence(OID_ECDSA_SHA256),
    issuer?.name ?? subject,
    sequence(
      utcTime(options.from ?? new Date(Date.now() - DAY_MS)),
      utcTime(options.to ?? new Date(Date.now() + 365 * DAY_MS)),
    ),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions(names, options.isAuthority ?? false))),
  )
  const signature = sign('sha256', toBeSigned, issuer?.key ?? privateKey)
  const whole = sequence(
    toBeSigned,
    sequence(OID_ECDSA_SHA256),
    der(0x03, Buffer.concat([Buffer.alloc(1), signature])),
  )
  const x509 = new X509Certificate(whole)
  const own = x509.toString()
  const cert = issuer === undefined || options.isWithIssuer === false ? own : own + issuer.pem
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert,
    x509,
    signer: { name: subject, key: privateKey, pem: cert },
  }
}

function extensions(names: readonly string[], isAuthority: boolean): Buffer[] {
  if (isAuthority) return [sequence(OID_BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE)))]
  const alternatives = sequence(...names.map((name) => der(0x82, Buffer.from(name, 'ascii'))))
  return [sequence(OID_SUBJECT_ALT_NAME, der(0x04, alternatives))]
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts)
}

/** Positive, and of a fixed length: the highest bit is cleared, the next one set. */
function serial(): Buffer {
  const bytes = randomBytes(16)
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0)
  return bytes
}

function utcTime(time: Date): Buffer {
  return der(0x17, Buffer.from(`${time.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`, 'ascii'))
}
