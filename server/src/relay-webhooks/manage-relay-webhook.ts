import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import {
  checkedVerification,
  isRelayKind,
  RELAY_KINDS,
  webhookPassword,
  webhookToken,
  type RelayKind,
} from './relay-webhook.ts'
import { selectRelaySource, upsertVerification, type RelaySource } from './relay-webhooks.store.ts'

export interface RelayWebhookDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  /** Where this installation is reached, without a slash at the end. */
  readonly publicUrl: string
}

/** How a relay is to be set up so that it tells us, and whether it has. */
export interface RelayWebhook {
  /** Secret: for the relay's own settings. */
  readonly url: string
  readonly kind: RelayKind
  readonly has_verification: boolean
  /** What `verification` is for this kind. */
  readonly wanted: string
  readonly last_received_at: Date | null
}

/** Problems `relay_webhooks.no_source`, `relay_webhooks.no_kind`. */
export async function getRelayWebhook(deps: RelayWebhookDeps, sourceId: string): Promise<RelayWebhook> {
  return describe(deps, found(await selectRelaySource(deps.db, sourceId)))
}

/** Problems as above, and `relay_webhooks.bad_verification`. */
export async function setRelayWebhook(
  deps: RelayWebhookDeps,
  actor: Actor,
  sourceId: string,
  text: string | null,
): Promise<RelayWebhook> {
  const { id, kind, name } = found(await selectRelaySource(deps.db, sourceId))
  const verification = checkedVerification(kind, text)
  const envelope =
    verification === null ? null : await deps.keys.encrypt(Buffer.from(verification), verificationContext(id))
  await asTenant(deps.db, actor.tenantId, async (transaction) => {
    const now = deps.clock.now()
    await upsertVerification(transaction, id, envelope, now)
    const after = { has_verification: verification !== null }
    const change = { action: 'relay_webhooks.set', subject: `source ${name}`, before: null, after }
    await recordAudit(transaction, actor, change, now)
  })
  return getRelayWebhook(deps, sourceId)
}

/** What a stored verification is bound to. */
export function verificationContext(sourceId: string): string {
  return `relay-webhook:${sourceId}`
}

type KnownSource = RelaySource & { readonly kind: RelayKind }

function found(source: RelaySource | undefined): KnownSource {
  if (source === undefined)
    throw new Problem('not_found', 'relay_webhooks.no_source', 'There is no source with this id.')
  const { relay_kind: kind } = source
  if (isRelayKind(kind)) return { ...source, kind }
  const message = `Only these relays have webhooks: ${Object.keys(RELAY_KINDS).join(', ')}.`
  throw new Problem('conflict', 'relay_webhooks.no_kind', message)
}

function describe({ keys, publicUrl }: RelayWebhookDeps, source: KnownSource): RelayWebhook {
  const url = new URL(`${publicUrl.replace(/\/+$/, '')}/v1/relay-webhooks/${webhookToken(keys, source.id)}`)
  if (source.kind === 'postmark') {
    url.username = 'pigeon'
    url.password = webhookPassword(keys, source.id)
  }
  return {
    url: url.href,
    kind: source.kind,
    has_verification: source.verification !== null,
    wanted: RELAY_KINDS[source.kind],
    last_received_at: source.last_received_at,
  }
}
