import { recordAudit, type Actor } from '#audit/record-audit.ts'
import type { WebhookEventName } from '#events/webhook-events.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { newSecret } from './signature.ts'
import { sealSecret } from './webhook-secret.ts'
import { WEBHOOK_LIMITS, webhookNotFound, webhookUrl, type Webhook } from './webhook.ts'
import {
  countWebhooks,
  insertWebhook,
  lockWebhooks,
  markDeleted,
  selectWebhook,
  updateSecret,
  updateWebhookRow,
} from './webhooks.store.ts'

export interface WebhookDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  /** Whether receivers may be on private addresses: a setting of the installation. */
  readonly allowPrivateWebhooks: boolean
}

export interface WebhookInput {
  readonly url: string
  readonly description?: string | null
  /** Null or absent: every event, those of later versions too. */
  readonly events?: readonly WebhookEventName[] | null
}

export type WebhookWithSecret = Webhook & { readonly secret: string }

/** The secret is in this answer and nowhere else. Problems `webhooks.bad_url`, `webhooks.too_many`. */
export async function createWebhook(
  deps: Omit<WebhookDeps, 'db'>,
  transaction: Transaction,
  actor: Actor,
  input: WebhookInput,
): Promise<WebhookWithSecret> {
  const fields = fieldsOf(deps, input)
  const now = deps.clock.now()
  const [id, secret] = [uuidv7(now.getTime()), newSecret()]
  await lockWebhooks(transaction, actor.tenantId)
  if ((await countWebhooks(transaction)) >= WEBHOOK_LIMITS.webhooks) throw tooMany()
  const row = { ...fields, id, tenantId: actor.tenantId, secret: await sealSecret(deps.keys, id, secret) }
  const webhook = await insertWebhook(transaction, row, now)
  await audit(transaction, actor, 'create', { before: null, after: webhook }, now)
  return { ...webhook, secret }
}

/** Replaces what is said of it. Enabling it again goes on with what waits. Problems `webhooks.not_found`, `webhooks.bad_url`. */
export async function updateWebhook(
  deps: WebhookDeps,
  actor: Actor,
  id: string,
  input: WebhookInput & { readonly enabled?: boolean },
): Promise<Webhook> {
  const fields = fieldsOf(deps, input)
  return asTenant(deps.db, actor.tenantId, async (transaction) => {
    const before = await lockedWebhook(transaction, id)
    const now = deps.clock.now()
    const enabled = input.enabled ?? before.enabled
    const after = await updateWebhookRow(transaction, id, { ...fields, enabled }, now)
    await audit(transaction, actor, 'update', { before, after }, now)
    return after
  })
}

/**
 * A new secret, which is in this answer and nowhere else. For `keepHours` the one before it signs as well, so that the
 * receiver can be changed in peace; the one before that ends now. Problem `webhooks.not_found`.
 */
export async function rotateSecret(
  deps: Omit<WebhookDeps, 'db'>,
  transaction: Transaction,
  actor: Actor,
  { id, keepHours }: { readonly id: string; readonly keepHours: number },
): Promise<WebhookWithSecret> {
  const before = await lockedWebhook(transaction, id)
  const now = deps.clock.now()
  const secret = newSecret()
  const until = new Date(now.getTime() + keepHours * 3_600_000)
  const after = await updateSecret(transaction, id, await sealSecret(deps.keys, id, secret), until, now)
  await audit(transaction, actor, 'rotate', { before, after }, now)
  return { ...after, secret }
}

/** What is waiting for it is not sent any more, and forgotten. Problem `webhooks.not_found`. */
export async function deleteWebhook(
  deps: Pick<WebhookDeps, 'db' | 'clock'>,
  actor: Actor,
  id: string,
): Promise<void> {
  await asTenant(deps.db, actor.tenantId, async (transaction) => {
    const before = await lockedWebhook(transaction, id)
    const now = deps.clock.now()
    await markDeleted(transaction, id, now)
    await audit(transaction, actor, 'delete', { before, after: null }, now)
  })
}

function fieldsOf({ allowPrivateWebhooks }: Pick<WebhookDeps, 'allowPrivateWebhooks'>, input: WebhookInput) {
  const events = input.events ?? null
  return {
    url: webhookUrl(input.url, { allowPrivate: allowPrivateWebhooks }),
    description: input.description ?? null,
    events: events === null ? null : [...new Set(events)],
  }
}

async function lockedWebhook(transaction: Transaction, id: string): Promise<Webhook> {
  const webhook = await selectWebhook(transaction, id, { lock: true })
  if (webhook === undefined) throw webhookNotFound()
  return webhook
}

async function audit(
  transaction: Transaction,
  actor: Actor,
  verb: string,
  { before, after }: { readonly before: Webhook | null; readonly after: Webhook | null },
  at: Date,
): Promise<void> {
  const subject = `webhook ${(after ?? before)?.url ?? ''}`
  await recordAudit(
    transaction,
    actor,
    { action: `webhooks.${verb}`, subject, before: told(before), after: told(after) },
    at,
  )
}

function told(webhook: Webhook | null): object | null {
  if (webhook === null) return null
  const { id, url, description, events, enabled, previous_secret_until } = webhook
  return { id, url, description, events, enabled, previous_secret_until }
}

function tooMany(): Problem {
  const message = `A tenant has at most ${WEBHOOK_LIMITS.webhooks} webhooks. Delete one that is not used.`
  return new Problem('limited', 'webhooks.too_many', message)
}
