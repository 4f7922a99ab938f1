import type { Keys } from '#platform/keys/keys.ts'
import type { Db } from '#platform/postgres/database.ts'
import { selectRelaySecret } from './sources.store.ts'

/** An envelope that opens for this source alone. */
export async function sealRelaySecret(keys: Keys, sourceId: string, secret: string): Promise<Buffer> {
  return keys.encrypt(Buffer.from(secret), contextOf(sourceId))
}

/** The secret of a relay as it was given (a password, a key); undefined when it has none. */
export async function loadRelaySecret(
  deps: { db: Db; keys: Keys },
  sourceId: string,
): Promise<string | undefined> {
  const envelope = await selectRelaySecret(deps.db, sourceId)
  if (envelope === undefined) return undefined
  return (await deps.keys.decrypt(envelope, contextOf(sourceId))).toString('utf8')
}

function contextOf(sourceId: string): string {
  return `relay:${sourceId}`
}
