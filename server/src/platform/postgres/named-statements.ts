import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type { Pool, PoolClient } from 'pg'

/** A statement gets a name when it comes the third time: most of those that come once never come again. */
const NAMED_FROM_USE = 3
/** Names are kept by every connection until it closes, so there are not many. */
const MAX_NAMES = 200
/** Texts that are counted. A longer text is one of those whose length follows the number of rows. */
const MAX_COUNTED = 1_000
const MAX_TEXT_LENGTH = 8_000

/**
 * The pool as Kysely takes it, with one difference: statements that come again and again are sent by name, and the
 * server parses them once a connection, and plans them seldom. Measured: a quarter of what PostgreSQL spends on a
 * message. A connection whose statement was made useless by a migration is closed when it comes back.
 */
export function withNamedStatements(pool: Pool): PostgresPool {
  const nameOf = createStatementNames()
  const clients = new WeakMap<PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    end: () => pool.end(),
    connect: async () => {
      const client = await pool.connect()
      const known = clients.get(client) ?? named(client, nameOf)
      clients.set(client, known)
      return known
    },
  }
}

function named(client: PoolClient, nameOf: (text: string) => string | undefined): PostgresPoolClient {
  let isOutdated = false
  function query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  function query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  function query<R>(
    text: string | PostgresCursor<R>,
    values: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof text !== 'string') throw new Error('A cursor cannot have a name.')
    const name = values.length === 0 ? undefined : nameOf(text)
    const found = client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) })
    // Who asked hears the failure, too.
    found.catch((error: unknown) => (isOutdated ||= isOutdatedPlan(error)))
    // What Kysely asks `pg` for, in its own words: the types differ in the name of the command only.
    return found as Promise<PostgresQueryResult<R>>
  }
  return { query, release: (destroy) => client.release(destroy === true || isOutdated) }
}

/** `0A000 cached plan must not change result type`: a column has another type now, and this connection will never know. */
function isOutdatedPlan(error: unknown): boolean {
  return error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery'
}

/** The name of a statement, when it has come often enough: one text always has the same. */
export function createStatementNames(): (text: string) => string | undefined {
  const uses = new Map<string, number>()
  const names = new Map<string, string>()
  return (text) => {
    const name = names.get(text)
    if (name !== undefined) return name
    if (text.length > MAX_TEXT_LENGTH || names.size >= MAX_NAMES) return undefined
    const count = (uses.get(text) ?? 0) + 1
    if (count < NAMED_FROM_USE) {
      if (uses.size >= MAX_COUNTED) uses.clear()
      uses.set(text, count)
      return undefined
    }
    uses.delete(text)
    names.set(text, `pigeon_${names.size + 1}`)
    return names.get(text)
  }
}
