import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { describeSource, sourceNotFound } from './describe-source.ts'
import type { SourceView } from './describe-source.ts'
import { lookUp } from './name-lookups.ts'
import type { NameLookups } from './name-lookups.ts'
import { judgePtr } from './ptr.ts'
import { selectSource, updatePtr } from './sources.store.ts'

export interface CheckDeps {
  readonly db: Database
  readonly clock: Clock
  readonly names: NameLookups
  /** What a source without a name of its own says in EHLO. */
  readonly ehloName: string
}

/**
 * Looks up whether the address of a source and its EHLO name lead to each other, and stores what was found. Takes no
 * longer than a look-up's deadline. Problems `sources.not_found`, `sources.no_address` (nothing to look up) and
 * `sources.changed` (somebody changed it meanwhile).
 */
export async function checkSource(deps: CheckDeps, id: string): Promise<SourceView> {
  const source = await selectSource(deps.db, id)
  if (source === undefined) throw sourceNotFound()
  const address = source.local_address
  if (address === null) throw noAddress()
  const ehloName = source.ehlo_name ?? deps.ehloName
  const [names, addresses] = await Promise.all([
    lookUp((signal) => deps.names.namesOf(address, signal)),
    lookUp((signal) => deps.names.addressesOf(ehloName, address, signal)),
  ])
  const found = judgePtr({ address, ehloName }, names, addresses)
  const now = deps.clock.now()
  const row = await updatePtr(deps.db, source, found, now)
  if (row === undefined) throw changed()
  return describeSource(row)
}

function noAddress(): Problem {
  return new Problem(
    'conflict',
    'sources.no_address',
    'This source has no address of its own, so there is nothing to look up. Set its local_address first.',
  )
}

function changed(): Problem {
  return new Problem(
    'conflict',
    'sources.changed',
    'The source was changed while its records were looked up. Check again.',
  )
}
