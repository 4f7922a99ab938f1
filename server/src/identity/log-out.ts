import type { Identity } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { IdentityCache } from './identity-cache.ts'
import { deleteSessionsBefore, revokeSession } from './sessions.store.ts'

/** Ends the session that asks. Problem `auth.no_session` for an API key: that is revoked, not logged out. */
export async function logOut(
  deps: { db: Database; clock: Clock; identities: IdentityCache },
  who: Identity,
): Promise<void> {
  const { sessionId } = who
  if (sessionId === undefined) {
    throw new Problem(
      'conflict',
      'auth.no_session',
      'An API key has no session. Revoke it with DELETE /v1/api-keys/{id}.',
    )
  }
  await asTenant(deps.db, who.tenantId, (transaction) =>
    revokeSession(transaction, sessionId, deps.clock.now()),
  )
  deps.identities.forget(sessionId)
}

/** Sessions that are over, of all tenants: run it now and then with the engine's connection. Returns how many. */
export async function deleteExpiredSessions(deps: { db: Database; clock: Clock }): Promise<number> {
  return deleteSessionsBefore(deps.db, deps.clock.now())
}
