import { createPrivateKey } from 'node:crypto'
import type { DkimKey } from '@pigeon/mail/dkim.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Db } from '#platform/postgres/database.ts'
import { dkimKeyContext } from './create-domain.ts'
import { domainAndParents } from './domain.ts'
import { selectDkimKeys, selectFirstOwner, selectVerified } from './domains.store.ts'

export interface SigningKeys {
  /** The `d=` of the signatures: the sender's domain or the verified one above it. */
  readonly domain: string
  readonly keys: readonly DkimKey[]
}

/** The keys that sign for senders at `domain`, RSA first; `undefined` when no domain is verified for it. */
export async function loadSigningKeys(
  deps: { db: Db; keys: Keys },
  tenantId: string,
  domain: string,
): Promise<SigningKeys | undefined> {
  const verified = await selectVerified(deps.db, tenantId, domainAndParents(domain.toLowerCase()))
  if (verified === undefined) return undefined
  const rows = await selectDkimKeys(deps.db, tenantId, verified.id)
  const keys = await Promise.all(
    rows.map(async ({ selector, algorithm, private_key_encrypted: envelope }) => {
      const pem = await deps.keys.decrypt(envelope, dkimKeyContext(verified.id, selector))
      return { selector, algorithm, privateKey: createPrivateKey(pem) }
    }),
  )
  return { domain: verified.name, keys }
}

/** The keys for mail of the installation itself: those of the tenant that verified the domain in this mode. */
export async function loadInstallationKeys(
  deps: { db: Db; keys: Keys },
  domain: string,
  mode: SendingMode,
): Promise<SigningKeys | undefined> {
  const owner = await selectFirstOwner(deps.db, domainAndParents(domain.toLowerCase()), mode)
  return owner === undefined ? undefined : loadSigningKeys(deps, owner, domain)
}
