import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { assertPool } from './assert-pool.ts'
import { poolsAsOf } from './load-pools.ts'
import { poolFor } from './pool.ts'
import { normalDomains, RULE_LIMITS, type RuleConditions } from './routing-rule.ts'
import {
  deleteRuleRow,
  insertRule,
  renumber,
  selectRules,
  updateRule,
  type RuleFields,
  type RuleView,
} from './routing-rules.store.ts'
import { lockSources } from './sources.store.ts'

interface Deps {
  readonly db: Database
  readonly clock: Clock
}

/** What a person may say of a rule; a condition that is absent is none. */
export type RuleInput = Partial<RuleConditions> & { readonly pool_id: string }

/** In the order in which they are asked. */
export async function listRules(deps: { db: Database }): Promise<{ data: RuleView[] }> {
  return { data: await selectRules(deps.db) }
}

/**
 * Puts the rule at its `position`, those from there on after it; last when absent. Problems `pools.unknown`,
 * `routing_rules.bad_domain`, `routing_rules.too_many`.
 */
export async function createRule(
  deps: { clock: Clock },
  transaction: Transaction,
  input: RuleInput & { readonly position?: number },
): Promise<RuleView> {
  const fields = fieldsOf(input)
  await lockSources(transaction)
  const ids = (await selectRules(transaction)).map((rule) => rule.id)
  if (ids.length >= RULE_LIMITS.rules) throw tooMany()
  await assertPool(transaction, input.pool_id)
  const now = deps.clock.now()
  const id = uuidv7(now.getTime())
  await insertRule(transaction, { ...fields, id, position: ids.length + 1 }, now)
  await renumber(transaction, ids.toSpliced((input.position ?? ids.length + 1) - 1, 0, id))
  return readRule(transaction, id)
}

/** Replaces what is said of a rule; its position stays. Problems as of `createRule`, and `routing_rules.not_found`. */
export async function replaceRule(deps: Deps, id: string, input: RuleInput): Promise<RuleView> {
  const fields = fieldsOf(input)
  return deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    await readRule(transaction, id)
    await assertPool(transaction, input.pool_id)
    await updateRule(transaction, id, fields, deps.clock.now())
    return readRule(transaction, id)
  })
}

/** Those after it move up. Problem `routing_rules.not_found`. */
export async function deleteRule(deps: { db: Database }, id: string): Promise<void> {
  await deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    await readRule(transaction, id)
    await deleteRuleRow(transaction, id)
    const rest = await selectRules(transaction)
    await renumber(
      transaction,
      rest.map((rule) => rule.id),
    )
  })
}

/** Problem `routing_rules.bad_order` unless every rule is named once. */
export async function orderRules(
  deps: { db: Database },
  ids: readonly string[],
): Promise<{ data: RuleView[] }> {
  return deps.db.transaction().execute(async (transaction) => {
    await lockSources(transaction)
    const known = new Set((await selectRules(transaction)).map((rule) => rule.id))
    const wanted = ids.map((id) => id.toLowerCase())
    const isWhole = wanted.length === known.size && new Set(wanted).size === known.size
    if (!isWhole || !wanted.every((id) => known.has(id))) throw badOrder()
    await renumber(transaction, wanted)
    return { data: await selectRules(transaction) }
  })
}

/** A message as a test names it. */
export interface RouteQuestion {
  readonly provider: string
  readonly from_domain: string
  readonly message_class: MessageClass
  readonly campaign_id?: string | null
}

/** Which pool a message of this tenant would leave from now, and why, in words. */
export async function testRoute(
  deps: { db: Database },
  tenantId: string,
  { provider, from_domain: fromDomain, message_class: messageClass, campaign_id }: RouteQuestion,
): Promise<{ provider: string; pool_id: string; pool: string; reason: string }> {
  const pools = await asTenant(deps.db, tenantId, poolsAsOf)
  const campaignId = campaign_id ?? null
  const { pool, reason } = poolFor(pools, { tenantId, campaignId, messageClass, provider, fromDomain })
  return { provider, pool_id: pool.id, pool: pool.name, reason }
}

/** The rule as it is. Problem `routing_rules.not_found`. */
async function readRule(transaction: Transaction, id: string): Promise<RuleView> {
  const rule = (await selectRules(transaction)).find((each) => each.id === id.toLowerCase())
  if (rule !== undefined) return rule
  throw new Problem(
    'not_found',
    'routing_rules.not_found',
    'There is no routing rule with this id. GET /v1/routing-rules lists them.',
  )
}

function fieldsOf(input: RuleInput): RuleFields {
  const lower = (values: readonly string[] | null | undefined) =>
    values?.map((value) => value.toLowerCase()) ?? null
  return {
    tenant_ids: lower(input.tenant_ids),
    campaign_ids: lower(input.campaign_ids),
    message_classes: input.message_classes ?? null,
    providers: lower(input.providers),
    from_domains: normalDomains(input.from_domains ?? null),
    pool_id: input.pool_id,
  }
}

function badOrder(): Problem {
  return new Problem(
    'invalid',
    'routing_rules.bad_order',
    'Name every routing rule once, the first one first. GET /v1/routing-rules lists them.',
  )
}

function tooMany(): Problem {
  return new Problem(
    'limited',
    'routing_rules.too_many',
    `An installation has at most ${RULE_LIMITS.rules} routing rules. Delete one, or give one more values.`,
  )
}
