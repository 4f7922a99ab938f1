import { sql } from 'kysely'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import type { Db } from '#platform/postgres/database.ts'

export interface CampaignContentRow {
  readonly id: string
  readonly tenant_id: string
  readonly name: string
  readonly status: string
  readonly message_class: MessageClass
  readonly list_id: string | null
  readonly list_name: string | null
  readonly subject: string | null
  readonly from_email: string
  readonly from_name: string | null
  readonly reply_to: string | null
  readonly compiled: unknown
}

/** What all messages of a campaign have in common, as it was when sending started. */
export async function findContent(db: Db, campaignId: string): Promise<CampaignContentRow | undefined> {
  const found = await sql<CampaignContentRow>`
    select c.id, c.tenant_id, c.name, c.status, c.message_class, c.list_id, l.name as list_name, c.subject, c.from_email, c.from_name, c.reply_to, v.compiled
      from campaigns c
      join template_versions v on v.template_id = c.template_id and v.version = c.template_version
      left join lists l on l.id = c.list_id
     where c.id = ${campaignId}`.execute(db)
  return found.rows[0]
}

export async function findStatuses(
  db: Db,
  campaignIds: readonly string[],
): Promise<{ id: string; status: string }[]> {
  const found = await sql<{ id: string; status: string }>`
    select id, status from campaigns where id = any(${campaignIds}::uuid[])`.execute(db)
  return found.rows
}
