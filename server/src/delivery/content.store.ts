import { sql } from 'kysely'
import type { MessageClass, SendingMode } from '#platform/postgres/database.gen.ts'
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
  readonly mode: SendingMode | null
  readonly track_opens: boolean | null
  readonly track_clicks: boolean | null
  readonly tenant_track_opens: boolean
  readonly tenant_track_clicks: boolean
  readonly tracking_privacy: boolean
  /** Of the tenant, when DNS leads it here. */
  readonly tracking_host: string | null
}

/** What all messages of a campaign have in common, as it was when sending started. */
export async function findContent(db: Db, campaignId: string): Promise<CampaignContentRow | undefined> {
  const found = await sql<CampaignContentRow>`
    select c.id, c.tenant_id, c.name, c.status, c.message_class, c.list_id, l.name as list_name, c.subject, c.from_email, c.from_name, c.reply_to, v.compiled,
           c.mode, c.track_opens, c.track_clicks, t.track_opens as tenant_track_opens, t.track_clicks as tenant_track_clicks,
           t.tracking_privacy, case when t.tracking_host_verified_at is not null then t.tracking_host end as tracking_host
      from campaigns c
      join template_versions v on v.template_id = c.template_id and v.version = c.template_version
      join tenants t on t.tenant_id = c.tenant_id
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
