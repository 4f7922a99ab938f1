import { generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { describeDomain } from './describe-domain.ts'
import { parseDomainName, selectorsOf } from './domain.ts'
import type { Domain } from './domain.ts'
import { insertDkimKeys, insertDomain, selectDomain } from './domains.store.ts'
import type { DkimKeyRow } from './domains.store.ts'

export interface PreparedDomain {
  readonly id: string
  readonly name: string
  readonly keys: readonly DkimKeyRow[]
}

/** Adds a domain with its two DKIM keys. Problems `domains.bad_name`, `domains.name_taken`. */
export async function createDomain(
  deps: { db: Database; clock: Clock; keys: Keys },
  tenantId: string,
  input: { readonly name: string },
): Promise<Domain> {
  const prepared = await prepareDomain(deps, input)
  return asTenant(deps.db, tenantId, (transaction) => addDomain(deps, transaction, tenantId, prepared))
}

/** The slow part (an RSA key takes up to half a second), before a transaction begins. */
export async function prepareDomain(
  deps: { clock: Clock; keys: Keys },
  input: { readonly name: string },
): Promise<PreparedDomain> {
  const name = parseDomainName(input.name)
  const id = uuidv7(deps.clock.now().getTime())
  const selectors = selectorsOf(id)
  const pairs = await generateDkimKeys()
  const seal = async (selector: string, pem: string): Promise<Buffer> =>
    deps.keys.encrypt(Buffer.from(pem), dkimKeyContext(id, selector))
  return {
    id,
    name,
    keys: [
      {
        selector: selectors.rsa,
        algorithm: 'rsa-sha256',
        publicKey: pairs.rsa.publicKey,
        privateKeyEncrypted: await seal(selectors.rsa, pairs.rsa.privateKey),
      },
      {
        selector: selectors.ed25519,
        algorithm: 'ed25519-sha256',
        publicKey: pairs.ed25519.publicKey,
        privateKeyEncrypted: await seal(selectors.ed25519, pairs.ed25519.privateKey),
      },
    ],
  }
}

export async function addDomain(
  deps: { clock: Clock },
  transaction: Transaction,
  tenantId: string,
  prepared: PreparedDomain,
): Promise<Domain> {
  const row = { id: prepared.id, tenantId, name: prepared.name }
  const now = deps.clock.now()
  try {
    await insertDomain(transaction, row, now)
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new Problem('conflict', 'domains.name_taken', `You have added ${prepared.name} already.`, {
      cause: error,
    })
  }
  await insertDkimKeys(transaction, row, prepared.keys, now)
  const domain = await selectDomain(transaction, { tenantId, id: prepared.id })
  if (domain === undefined) throw new Error(`Domain ${prepared.id} was inserted and is not there.`)
  return describeDomain(domain)
}

/** A private key opens only where it belongs. */
export function dkimKeyContext(domainId: string, selector: string): string {
  return `dkim:${domainId}:${selector}`
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}
