import { sql } from 'kysely'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { MessageClass, SourceKind, SourceStatus } from '#platform/postgres/database.gen.ts'
import type { RelayConfig } from './source.ts'

export interface MemberRow {
  readonly pool_id: string
  readonly weight: number
  readonly id: string
  readonly name: string
  readonly kind: SourceKind
  readonly local_address: string | null
  readonly ehlo_name: string | null
  readonly relay_kind: string | null
  readonly relay_config: RelayConfig | null
  readonly status: SourceStatus
  readonly warm_up: boolean
  readonly warm_up_started_at: Date | null
  readonly warm_up_curve: readonly number[] | null
}

interface Wish {
  readonly id: string
  readonly pool_id: string
}

export interface Load {
  readonly pools: readonly {
    readonly id: string
    readonly name: string
    readonly overflow_pool_id: string | null
  }[]
  readonly members: readonly MemberRow[]
  readonly tenants: readonly Wish[]
  readonly campaigns: readonly Wish[]
  readonly classes: readonly { readonly message_class: MessageClass; readonly pool_id: string }[]
}

/** What delivery loads, all of it as of one moment. Disabled sources are left out. */
export async function selectLoad(db: Database): Promise<Load> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(readLoad)
}

/** The same within a transaction: a tenant's sees its own wishes, and those of classes. */
export async function readLoad(transaction: Transaction): Promise<Load> {
  const pools = await sql<Load['pools'][number]>`
    select id, name, overflow_pool_id from pools order by id`.execute(transaction)
  const members = await sql<MemberRow>`
    select m.pool_id, m.weight, s.id, s.name, s.kind, s.local_address, s.ehlo_name, s.relay_kind, s.relay_config,
           s.status, s.warm_up, s.warm_up_started_at, s.warm_up_curve
      from pool_sources m join sources s on s.id = m.source_id
     where s.status <> 'disabled' order by m.pool_id, s.id`.execute(transaction)
  const tenants = await sql<Wish>`
    select tenant_id as id, pool_id from tenants where pool_id is not null`.execute(transaction)
  const campaigns = await sql<Wish>`
    select id, pool_id from campaigns where pool_id is not null and completed_at is null`.execute(transaction)
  const classes = await sql<Load['classes'][number]>`
    select message_class, pool_id from pool_classes`.execute(transaction)
  return {
    pools: pools.rows,
    members: members.rows,
    tenants: tenants.rows,
    campaigns: campaigns.rows,
    classes: classes.rows,
  }
}
