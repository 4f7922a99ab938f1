import { sql } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'

export interface MessageRow {
  readonly id: string
  readonly campaign_id: string | null
  readonly contact_id: string | null
  readonly recipient: string
  readonly state: string
  readonly mode: 'sandbox' | 'live'
  readonly in_doubt: boolean
  readonly provider: string
  readonly attempts: number
  readonly code: number | null
  readonly enhanced: string | null
  readonly class: string | null
  readonly reply: string | null
  readonly next_attempt_at: Date | null
  /** Null before the first attempt, and when the message is final. */
  readonly expires_at: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

/** The message, if this tenant has it. While an attempt is under way its state reads `sending`. */
export async function findMessage(db: Db, id: string): Promise<MessageRow | undefined> {
  const found = await sql<MessageRow>`
    select m.id, m.campaign_id, m.contact_id, m.recipient,
           case when d.claimed_epoch is not null then 'sending' else m.state::text end as state,
           m.mode, m.in_doubt, m.provider, m.attempts, m.code, m.enhanced, m.class, m.reply,
           case when d.claimed_epoch is null then d.due_at end as next_attempt_at, d.expires_at, m.created_at, m.updated_at
      from messages m left join deliveries d on d.message_id = m.id
     where m.id = ${id}`.execute(db)
  return found.rows[0]
}

/** Those of the ids that this tenant has. */
export async function findOwned(db: Db, ids: readonly string[]): Promise<Set<string>> {
  const found = await sql<{ id: string }>`select id from messages where id = any(${ids}::uuid[])`.execute(db)
  return new Set(found.rows.map((row) => row.id))
}
