import { parseAddress } from '@pigeon/mail/address.ts'
import type { Db } from '#platform/postgres/database.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { domainAndParents } from './domain.ts'
import { selectVerified } from './domains.store.ts'

/**
 * Throws Problem `domains.not_verified` unless the address lies in a domain that the tenant has verified, or below one.
 * What is sent live needs a domain whose records were found in the real DNS.
 */
export async function assertCanSendFrom(
  db: Db,
  tenantId: string,
  fromEmail: string,
  mode: SendingMode,
): Promise<void> {
  const parsed = parseAddress(fromEmail, { isAsciiOnly: true })
  if (!parsed.ok)
    throw new Problem(
      'invalid',
      'domains.bad_sender',
      `The sender's address cannot be used. ${parsed.message}`,
    )
  const verified = await selectVerified(db, tenantId, domainAndParents(parsed.domain))
  if (verified === undefined) {
    throw new Problem(
      'forbidden',
      'domains.not_verified',
      `${parsed.domain} is not verified. Add it with POST /v1/domains, publish its records, and verify it.`,
    )
  }
  if (mode === 'sandbox' || verified.verified_in === 'live') return
  throw new Problem(
    'forbidden',
    'domains.not_verified',
    `${verified.name} was verified in sandbox only. Publish its records and verify it again.`,
  )
}
