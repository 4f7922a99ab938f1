import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { SourceKind } from '#platform/postgres/database.gen.ts'
import { Problem, type FieldError } from '#platform/problem.ts'
import { describeSource, sourceNotFound, takenProblem } from './describe-source.ts'
import type { SourceView } from './describe-source.ts'
import { loadRelaySecret, sealRelaySecret } from './relay-secret.ts'
import { SOURCE_LIMITS, sourceFields } from './source.ts'
import type { RelayConfig, SourceFields, SourceInput } from './source.ts'
import { countSources, insertSource, lockSources, selectSource, updateSourceRow } from './sources.store.ts'
import type { SourceRow } from './sources.store.ts'

export interface SourceDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  /** Whether the installation lets mail leave from this address. */
  readonly mayLeaveFrom: (address: string) => boolean
  /** What is wrong with what is said of a relay; its secret is undefined when it has none. */
  readonly relayFaults: (relay: {
    name: string
    kind: string
    config: RelayConfig
    secret: string | undefined
  }) => FieldError[]
}

export interface NewSource extends SourceInput {
  readonly kind: SourceKind
  /** Whether a warm-up begins at once: leave it out for an address that receivers know already. */
  readonly warm_up?: boolean
}

/** Problems `sources.invalid`, `sources.name_taken`, `sources.address_taken`, `sources.too_many`. */
export async function createSource(
  deps: Omit<SourceDeps, 'db'>,
  transaction: Transaction,
  input: NewSource,
): Promise<SourceView> {
  const fields = sourceFields(input.kind, input, deps.mayLeaveFrom)
  const secret = input.relay_secret ?? null
  assertRelay(deps, fields, secret ?? undefined)
  const now = deps.clock.now()
  const id = uuidv7(now.getTime())
  const relaySecret = secret === null ? null : await sealRelaySecret(deps.keys, id, secret)
  await lockSources(transaction)
  if ((await countSources(transaction)) >= SOURCE_LIMITS.sources) throw tooMany()
  const warmUpStartedAt = input.warm_up === true ? now : null
  const row = { ...fields, id, kind: input.kind, relaySecret, warmUpStartedAt }
  try {
    return describeSource(await insertSource(transaction, row, now))
  } catch (error) {
    throw takenProblem(error)
  }
}

/** Replaces what is said of a source; its kind stays. Problems as of `createSource`, and `sources.not_found`. */
export async function editSource(deps: SourceDeps, id: string, input: SourceInput): Promise<SourceView> {
  const given = input.relay_secret
  const relaySecret = typeof given === 'string' ? await sealRelaySecret(deps.keys, id, given) : given
  return deps.db.transaction().execute(async (transaction) => {
    const before = await selectSource(transaction, id, { lock: true })
    if (before === undefined) throw sourceNotFound()
    const fields = sourceFields(before.kind, input, deps.mayLeaveFrom)
    assertRelay(deps, fields, await secretAfter(deps.keys, transaction, before, given))
    const now = deps.clock.now()
    try {
      return describeSource(await updateSourceRow(transaction, id, { ...fields, relaySecret }, now))
    } catch (error) {
      throw takenProblem(error)
    }
  })
}

/** The one that is given, else the one that is there. */
async function secretAfter(
  keys: Keys,
  transaction: Transaction,
  before: SourceRow,
  given: string | null | undefined,
): Promise<string | undefined> {
  if (given !== undefined) return given ?? undefined
  return before.has_relay_secret ? loadRelaySecret({ db: transaction, keys }, before.id) : undefined
}

/** Problem `sources.invalid` names everything that makes no relay of it. */
function assertRelay(
  deps: Pick<SourceDeps, 'relayFaults'>,
  fields: SourceFields,
  secret: string | undefined,
): void {
  const { name, relay_kind: kind, relay_config } = fields
  if (kind === null) return
  const errors = deps.relayFaults({ name, kind, config: relay_config ?? {}, secret })
  const [first] = errors
  if (first !== undefined) throw new Problem('invalid', 'sources.invalid', first.message, { errors })
}

function tooMany(): Problem {
  return new Problem(
    'limited',
    'sources.too_many',
    `An installation has at most ${SOURCE_LIMITS.sources} sources. Delete one that is not used.`,
  )
}
