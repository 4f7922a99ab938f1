import type { TestContext } from 'node:test'
import { sql } from 'kysely'
import { createApp } from '#http/app.ts'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { registerUnsubscribe } from './tracking.routes.ts'
import type { UnsubscribedEvent } from './unsubscribe.ts'
import { unsubscribeUrl } from './unsubscribe-link.ts'

/** Of tests. */
export const keys = { derive: (purpose: string) => Buffer.alloc(32, purpose) }

/** Ann's subscriptions to two lists, a message of a campaign to the first, and the app that serves its link. */
export async function mailbox(t: TestContext, options: { listName?: string; failEvent?: boolean } = {}) {
  const database = await testDatabase(t)
  const { admin } = database
  const [tenantId, listId, otherListId, campaignId, contactId, messageId] = [
    uuidv7(),
    uuidv7(),
    uuidv7(),
    uuidv7(),
    uuidv7(),
    uuidv7(),
  ]
  const at = new Date('2026-01-01')
  const listName = options.listName ?? 'Monthly news'
  await sql`insert into tenants (tenant_id, name, created_at, updated_at) values (${tenantId}, 'Acme & Sons', ${at}, ${at})`.execute(
    admin,
  )
  await sql`insert into lists (id, tenant_id, name, created_at, updated_at) values (${listId}, ${tenantId}, ${listName}, ${at}, ${at}), (${otherListId}, ${tenantId}, 'Offers', ${at}, ${at})`.execute(
    admin,
  )
  await sql`insert into contacts (id, tenant_id, email, email_key, created_at, updated_at) values (${contactId}, ${tenantId}, 'Ann@example.com', 'ann@example.com', ${at}, ${at})`.execute(
    admin,
  )
  await sql`insert into subscriptions (list_id, contact_id, tenant_id, status, subscribed_at) values (${listId}, ${contactId}, ${tenantId}, 'subscribed', ${at}), (${otherListId}, ${contactId}, ${tenantId}, 'subscribed', ${at})`.execute(
    admin,
  )
  await sql`insert into campaigns (id, tenant_id, name, list_id, from_email, created_at, updated_at) values (${campaignId}, ${tenantId}, 'c', ${listId}, 'a@b.com', ${at}, ${at})`.execute(
    admin,
  )
  await sql`insert into messages (id, tenant_id, campaign_id, contact_id, recipient, state, mode, created_at, updated_at)
            values (${messageId}, ${tenantId}, ${campaignId}, ${contactId}, 'Ann@example.com', 'delivered', 'sandbox', ${at}, ${at})`.execute(
    admin,
  )
  const events: UnsubscribedEvent[] = []
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'test' }),
    clock: systemClock,
    authenticate: async () => Promise.reject(new Error('Nobody signs in here.')),
  })
  registerUnsubscribe(app, {
    db: database.api,
    clock: systemClock,
    keys,
    appendEvent: async (_transaction, event) => {
      if (options.failEvent === true) throw new Error('The history does not answer.')
      events.push(event)
    },
  })
  await app.ready()
  t.after(async () => app.close())
  const url = new URL(unsubscribeUrl({ publicUrl: 'https://mail.example/', keys })(tenantId, messageId))
    .pathname
  const standing = async () => {
    const subscriptions = await sql<{
      name: string
      status: string
    }>`select l.name, s.status from subscriptions s join lists l on l.id = s.list_id order by l.name`.execute(
      admin,
    )
    const suppressions = await sql<{
      list_id: string | null
      message_id: string
    }>`select list_id, message_id from suppressions`.execute(admin)
    return { subscriptions: subscriptions.rows.map(({ status }) => status), suppressions: suppressions.rows }
  }
  const post = (payload: string, path = url, type = 'application/x-www-form-urlencoded') =>
    app.inject({ method: 'POST', url: path, payload, headers: { 'content-type': type } })
  return { app, database, url, post, standing, events, tenantId, listId, campaignId, contactId, messageId }
}
