import type { FastifyRequest } from 'fastify'
import { who } from '#http/who.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { insertAuditEntry } from './audit.store.ts'

/** Who does something, and from where. */
export interface Actor {
  readonly tenantId: string
  readonly userId: string
  /** Null: signed in with a password. */
  readonly apiKeyId: string | null
  readonly address: string
}

/** The caller of a request that has been admitted. Throws a Problem when nobody was asked for credentials. */
export function actorOf(request: FastifyRequest): Actor {
  const { tenantId, userId, apiKeyId } = who(request)
  return { tenantId, userId, apiKeyId: apiKeyId ?? null, address: request.ip }
}

/** What was done. `before` and `after` are what can be said of the subject in JSON; null: there was, or is, nothing. */
export interface AuditedChange {
  /** Feature and verb: `lanes.pause`. */
  readonly action: string
  /** What it was done to, in words that a person finds again. */
  readonly subject: string
  readonly before: object | null
  readonly after: object | null
}

/** Writes the entry in the transaction of the change, which is the actor's tenant's: neither is there without the other. */
export async function recordAudit(
  transaction: Transaction,
  actor: Actor,
  change: AuditedChange,
  at: Date,
): Promise<void> {
  await insertAuditEntry(transaction, { ...actor, ...change }, at)
}
