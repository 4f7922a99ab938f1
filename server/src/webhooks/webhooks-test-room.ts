import { randomBytes, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import type { Actor } from '#audit/record-audit.ts'
import type { WebhookEvent, WebhookEventName } from '#events/webhook-events.ts'
import { openFileKeys } from '#platform/keys/file-keys.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { testDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import { sampleTenant, silentLog } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { startScriptedApi, type ApiRequest, type ApiStep } from '@pigeon/server/test/scripted-api.ts'
import { createDeliverer } from './deliver-webhooks.ts'
import { createPoster } from './post-webhook.ts'
import { recordDeliveries } from './record-deliveries.ts'
import { createWebhook, type WebhookInput } from './write-webhook.ts'

const ANSWER_MS = 10_000
export const DISABLE_MS = 5 * 86_400_000

/** A tenant, a clock that tests move, and the deliverer of the role `hooks` with real connections. */
export async function webhooksRoom(scope: TestScope, options: { readonly timeoutMs?: number } = {}) {
  const database = await testDatabase(scope)
  const { tenantId } = await sampleTenant(database)
  const clock = manualClock(new Date())
  const keys = await openFileKeys({ dataDir: '', masterKey: randomBytes(32).toString('base64') })
  const deps = { db: database.api, clock, keys, allowPrivateWebhooks: true }
  const actor: Actor = { tenantId, userId: randomUUID(), apiKeyId: null, address: '127.0.0.1' }
  const poster = createPoster({ clock, allowPrivate: true, timeoutMs: options.timeoutMs ?? ANSWER_MS })
  scope.after(() => poster.close())
  const hooks = { db: database.engine, clock, log: silentLog, keys, poster, disableAfterMs: DISABLE_MS }
  const deliverer = createDeliverer({ ...hooks, worker: 'test', random: () => 0 })

  const room = {
    database,
    clock,
    keys,
    deps,
    actor,
    hooks,
    tenantId,
    deliverer,
    /** A receiver that does what `answer` says, and a webhook that leads to it. */
    receiver: async (
      answer: (request: ApiRequest, count: number) => ApiStep,
      input: Omit<WebhookInput, 'url'> = {},
    ) => {
      const api = await startScriptedApi({ answer })
      scope.after(() => api.close())
      const webhook = await asTenant(database.api, tenantId, (transaction) =>
        createWebhook(deps, transaction, actor, { ...input, url: `http://127.0.0.1:${api.port}/hook?a=1` }),
      )
      return { ...webhook, requests: api.requests, received: () => api.requests.map(bodyOf) }
    },
    tell: (...events: readonly WebhookEvent[]) =>
      database.engine
        .transaction()
        .execute((transaction) => recordDeliveries({ clock }, events, transaction)),
    event: (
      event: WebhookEventName,
      subjectId: string = randomUUID(),
      data: WebhookEvent['data'] = {},
    ): WebhookEvent => ({ tenantId, event, at: clock.now().toISOString(), subjectId, data }),
    /** Delivers everything that is due, and what becomes due by that. */
    deliver: async (): Promise<void> => {
      await deliverer.poll()
      await deliverer.idle()
    },
    states: async (webhookId: string) => {
      const { rows } = await sql<{ event: string; state: string; attempts: number }>`
        select event, state, attempts from webhook_deliveries where webhook_id = ${webhookId} order by seq`.execute(
        database.admin,
      )
      return rows.map((row) => `${row.event} ${row.state} ${row.attempts}`)
    },
    webhookRow: (id: string) =>
      database.admin.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
  }
  return room
}

export interface ReceivedBody {
  readonly event: string
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>>
}

export function bodyOf(request: ApiRequest): ReceivedBody {
  const body: ReceivedBody = JSON.parse(request.body.toString('utf8'))
  return body
}

/** What the library of Standard Webhooks says to a request. Throws when its signature is no good. */
export function verified(secret: string, request: ApiRequest): unknown {
  const header = (name: string): string => String(request.headers[name])
  return new Webhook(secret).verify(request.body.toString('utf8'), {
    'webhook-id': header('webhook-id'),
    'webhook-timestamp': header('webhook-timestamp'),
    'webhook-signature': header('webhook-signature'),
  })
}
