import { sql } from 'kysely'
import type { Db } from '#platform/postgres/database.ts'

/** What a source says of itself, and what its webhooks are known by. */
export interface RelaySource {
  readonly id: string
  readonly name: string
  readonly relay_kind: string | null
  readonly verification: Buffer | null
  readonly last_received_at: Date | null
}

export async function selectRelaySource(db: Db, sourceId: string): Promise<RelaySource | undefined> {
  const { rows } = await sql<RelaySource>`
    select s.id, s.name, s.relay_kind, w.verification, w.last_received_at
      from sources s left join relay_webhooks w on w.source_id = s.id where s.id = ${sourceId}`.execute(db)
  return rows[0]
}

export async function upsertVerification(
  db: Db,
  sourceId: string,
  verification: Buffer | null,
  at: Date,
): Promise<void> {
  await sql`
    insert into relay_webhooks (source_id, verification, created_at, updated_at)
    values (${sourceId}, ${verification}, ${at}, ${at})
    on conflict (source_id) do update set verification = excluded.verification, updated_at = excluded.updated_at`.execute(
    db,
  )
}

export async function markReceived(db: Db, sourceId: string, at: Date): Promise<void> {
  await sql`
    insert into relay_webhooks (source_id, last_received_at, created_at, updated_at)
    values (${sourceId}, ${at}, ${at}, ${at})
    on conflict (source_id) do update set last_received_at = excluded.last_received_at`.execute(db)
}
