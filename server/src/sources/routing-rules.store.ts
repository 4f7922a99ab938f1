import { sql } from 'kysely'
import type { Db, Transaction } from '#platform/postgres/database.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import type { RuleConditions } from './routing-rule.ts'

/** A rule as people see it. */
export interface RuleView {
  readonly id: string
  readonly position: number
  readonly tenant_ids: string[] | null
  readonly campaign_ids: string[] | null
  readonly message_classes: MessageClass[] | null
  readonly providers: string[] | null
  readonly from_domains: string[] | null
  readonly pool_id: string
  readonly pool: string
  readonly created_at: Date
  readonly updated_at: Date
}

export interface RuleFields extends RuleConditions {
  readonly pool_id: string
}

/** PostgreSQL's own enums come as text where their type is not known to the driver: the classes are cast. */
const COLUMNS =
  sql.raw(`r.id, r.position, r.tenant_ids, r.campaign_ids, r.message_classes::text[] as message_classes,
  r.providers, r.from_domains, r.pool_id, p.name as pool, r.created_at, r.updated_at`)

/** All of them, in the order in which they are asked. */
export async function selectRules(db: Db): Promise<RuleView[]> {
  const { rows } = await sql<RuleView>`
    select ${COLUMNS} from routing_rules r join pools p on p.id = r.pool_id order by r.position`.execute(db)
  return rows
}

export async function insertRule(
  transaction: Transaction,
  rule: RuleFields & { readonly id: string; readonly position: number },
  at: Date,
): Promise<void> {
  await sql`
    insert into routing_rules (id, position, tenant_ids, campaign_ids, message_classes, providers, from_domains, pool_id,
                               created_at, updated_at)
    values (${rule.id}, ${rule.position}, ${rule.tenant_ids}::uuid[], ${rule.campaign_ids}::uuid[],
            ${rule.message_classes}::message_class[], ${rule.providers}::text[], ${rule.from_domains}::text[],
            ${rule.pool_id}, ${at}, ${at})`.execute(transaction)
}

export async function updateRule(
  transaction: Transaction,
  id: string,
  rule: RuleFields,
  at: Date,
): Promise<void> {
  await sql`
    update routing_rules
       set tenant_ids = ${rule.tenant_ids}::uuid[], campaign_ids = ${rule.campaign_ids}::uuid[],
           message_classes = ${rule.message_classes}::message_class[], providers = ${rule.providers}::text[],
           from_domains = ${rule.from_domains}::text[], pool_id = ${rule.pool_id}, updated_at = ${at}
     where id = ${id}`.execute(transaction)
}

export async function deleteRuleRow(transaction: Transaction, id: string): Promise<void> {
  await sql`delete from routing_rules where id = ${id}`.execute(transaction)
}

/** Gives these rules the positions 1, 2, 3 ... */
export async function renumber(transaction: Transaction, ids: readonly string[]): Promise<void> {
  await sql`
    update routing_rules r set position = o.position
      from unnest(${ids}::uuid[]) with ordinality as o (id, position)
     where r.id = o.id and r.position <> o.position`.execute(transaction)
}
