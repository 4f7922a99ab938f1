import { createHash } from 'node:crypto'
import type { Cache } from '#platform/cache/cache.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import type { AccessTokens } from './access-tokens.ts'
import type { Passwords } from './passwords.ts'
import { insertSession } from './sessions.store.ts'
import { parseUserEmail } from './user.ts'
import type { User } from './user.ts'
import { findLogin, selectUser } from './users.store.ts'

const SESSION_MS = 24 * 3600_000
const WINDOW_MS = 15 * 60_000
/**
 * Failures within the window. An account is limited together with the address that tries, so that a stranger cannot
 * lock its owner out; the larger limits stop those who try many accounts, or come from many addresses.
 */
const LIMITS = { accountAndAddress: 10, address: 50, account: 200 } as const

export interface LogInDeps {
  readonly db: Database
  readonly clock: Clock
  readonly cache: Cache
  readonly passwords: Passwords
  readonly tokens: AccessTokens
}

export interface LoggedIn {
  readonly access_token: string
  readonly expires_at: Date
  readonly user: User
}

/**
 * Checks a password and begins a session. An unknown address and a wrong password get the same answer after the same
 * time: Problem `auth.bad_login`. Problems besides: `auth.user_disabled`, `auth.too_many_attempts` (429).
 */
export async function logIn(
  deps: LogInDeps,
  input: { readonly email: string; readonly password: string; readonly address: string },
): Promise<LoggedIn> {
  const emailKey = emailKeyOf(input.email)
  const counters = countersOf(emailKey, input.address)
  await countAttempt(deps.cache, counters)
  const found = await findLogin(deps.db, emailKey)
  const isRight = await deps.passwords.verify(found?.password_hash, input.password)
  if (found === undefined || !isRight) {
    throw new Problem('unauthenticated', 'auth.bad_login', 'The address or the password is wrong.')
  }
  if (found.status !== 'active') {
    throw new Problem(
      'unauthenticated',
      'auth.user_disabled',
      'This account is disabled. Ask the owner of your tenant.',
    )
  }
  await forgetAttempts(deps.cache, counters)
  return beginSession(deps, { tenantId: found.tenant_id, userId: found.user_id })
}

/** What is no address is nobody's: it takes the same way as an unknown one. */
function emailKeyOf(email: string): string {
  try {
    return parseUserEmail(email).emailKey
  } catch (error) {
    if (error instanceof Problem) return ''
    throw error
  }
}

async function beginSession(deps: LogInDeps, who: { tenantId: string; userId: string }): Promise<LoggedIn> {
  const { tenantId, userId } = who
  const createdAt = deps.clock.now()
  const expiresAt = new Date(createdAt.getTime() + SESSION_MS)
  const id = uuidv7()
  const user = await asTenant(deps.db, tenantId, async (transaction) => {
    await insertSession(transaction, { id, tenantId, userId, createdAt, expiresAt })
    return selectUser(transaction, userId)
  })
  if (user === undefined)
    throw new Problem('unauthenticated', 'auth.bad_login', 'The address or the password is wrong.')
  return { access_token: await deps.tokens.sign({ id, userId, expiresAt }), expires_at: expiresAt, user }
}

interface Counter {
  readonly key: string
  readonly limit: number
  /** Whether a success sets it back. */
  readonly own: boolean
}

function countersOf(emailKey: string, address: string): Counter[] {
  // Hashed: addresses of people do not belong into a cache that others may read.
  const account = createHash('sha256').update(emailKey).digest('base64url')
  return [
    { key: `login:both:${account}:${address}`, limit: LIMITS.accountAndAddress, own: true },
    { key: `login:address:${address}`, limit: LIMITS.address, own: false },
    { key: `login:account:${account}`, limit: LIMITS.account, own: true },
  ]
}

/** Counted before the password is looked at, so that attempts at the same moment count too. */
async function countAttempt(cache: Cache, counters: readonly Counter[]): Promise<void> {
  for (const { key, limit } of counters) {
    const { value, ttlMs } = await cache.increment(key, 1, WINDOW_MS)
    if (value <= limit) continue
    throw new Problem(
      'limited',
      'auth.too_many_attempts',
      'Too many attempts to sign in. Wait as long as Retry-After says.',
      {
        retryAfterMs: ttlMs,
      },
    )
  }
}

async function forgetAttempts(cache: Cache, counters: readonly Counter[]): Promise<void> {
  for (const { key, own } of counters) {
    if (own) await cache.delete(key)
    else await cache.increment(key, -1, WINDOW_MS)
  }
}
