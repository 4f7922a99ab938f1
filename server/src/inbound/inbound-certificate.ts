import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { createCertificate } from '#platform/x509.ts'

export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

const DAY_MS = 86_400_000
/** UTCTime ends in 2049 (RFC 5280, 4.1.2.5.1). Servers that send mail do not look at who signed it. */
const OWN_VALID_DAYS = 3650
const LOOK_EVERY_MS = 60_000

/**
 * The files of the settings, or else a pair in the data directory, made at the first start for `host`. Problem
 * `inbound.certificate` when they cannot be used.
 */
export async function openCertificate(
  deps: { readonly clock: Clock },
  at: { readonly files: CertificateFiles | undefined; readonly dataDir: string; readonly host: string },
): Promise<CertificateFiles> {
  const files = at.files ?? {
    cert: join(at.dataDir, 'inbound.cert.pem'),
    key: join(at.dataDir, 'inbound.key.pem'),
  }
  if (at.files === undefined && (await modifiedAt(files)) === undefined)
    await make(files, at.host, deps.clock.now())
  return files
}

async function make(files: CertificateFiles, host: string, now: Date): Promise<void> {
  const made = createCertificate({
    commonName: host,
    hosts: [host],
    from: new Date(now.getTime() - DAY_MS),
    until: new Date(now.getTime() + OWN_VALID_DAYS * DAY_MS),
  })
  await writeFile(files.key, made.key, { mode: 0o600 })
  await writeFile(files.cert, made.cert)
}

/** Reads the pair. Problem `inbound.certificate` when a file is missing or they do not belong together. */
export async function readCertificate(files: CertificateFiles): Promise<SecureContextOptions> {
  try {
    const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)])
    createSecureContext({ cert, key })
    return { cert, key }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `The certificate ${files.cert} with the key ${files.key} cannot be used: ${why}. See PIGEON_INBOUND_TLS_CERT and PIGEON_INBOUND_TLS_KEY.`
    throw new Problem('invalid', 'inbound.certificate', message, { cause })
  }
}

/** Gives what the files hold whenever they have changed, until `signal` aborts. What cannot be used changes nothing. */
export async function followCertificate(
  deps: { readonly clock: Clock; readonly log: Log },
  files: CertificateFiles,
  renew: (tls: SecureContextOptions) => void,
  signal: AbortSignal,
): Promise<void> {
  let known = await modifiedAt(files)
  while (!signal.aborted) {
    await deps.clock.sleep(LOOK_EVERY_MS, signal)
    const found = await modifiedAt(files)
    if (signal.aborted || found === known) continue
    try {
      renew(await readCertificate(files))
      known = found
      deps.log.info({ file: files.cert }, 'The certificate for inbound mail has changed.')
    } catch (error) {
      deps.log.warn(
        { err: error },
        'The changed certificate for inbound mail cannot be used; the old one stays.',
      )
    }
  }
}

/** When either file was written last; undefined when one is missing. */
async function modifiedAt({ cert, key }: CertificateFiles): Promise<number | undefined> {
  try {
    return (await Promise.all([stat(cert), stat(key)])).reduce((sum, { mtimeMs }) => sum + mtimeMs, 0)
  } catch {
    return undefined
  }
}
