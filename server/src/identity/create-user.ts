import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database, Transaction } from '#platform/postgres/database.ts'
import type { UserRole } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS } from './passwords.ts'
import type { Passwords } from './passwords.ts'
import { parseUserEmail } from './user.ts'
import type { User } from './user.ts'
import { insertUser } from './users.store.ts'

export interface NewUser {
  readonly email: string
  readonly password: string
  readonly firstName?: string | undefined
  readonly lastName?: string | undefined
  readonly role: UserRole
}

/** Ready to be stored: the slow part (hashing) is done before a transaction begins. */
export interface PreparedUser {
  readonly email: string
  readonly emailKey: string
  readonly passwordHash: string
  readonly firstName: string | null
  readonly lastName: string | null
  readonly role: UserRole
}

/** Adds a person to a tenant. Problems: `users.bad_email`, `users.bad_password`, `users.email_taken`. */
export async function createUser(
  deps: { db: Database; clock: Clock; passwords: Passwords },
  tenantId: string,
  input: NewUser,
): Promise<User> {
  const prepared = await prepareUser(deps, input)
  return asTenant(deps.db, tenantId, (transaction) => addUser(deps, transaction, tenantId, prepared))
}

export async function prepareUser(deps: { passwords: Passwords }, input: NewUser): Promise<PreparedUser> {
  const { email, emailKey } = parseUserEmail(input.email)
  assertPassword(input.password)
  return {
    email,
    emailKey,
    passwordHash: await deps.passwords.hash(input.password),
    firstName: input.firstName ?? null,
    lastName: input.lastName ?? null,
    role: input.role,
  }
}

function assertPassword(password: string): void {
  const length = Array.from(password).length
  if (length >= MIN_PASSWORD_CHARS && length <= MAX_PASSWORD_CHARS) return
  const message = `A password needs ${MIN_PASSWORD_CHARS} to ${MAX_PASSWORD_CHARS} characters.`
  throw new Problem('invalid', 'users.bad_password', message, {
    errors: [{ field: 'password', code: 'users.bad_password', message }],
  })
}

export async function addUser(
  deps: { clock: Clock },
  transaction: Transaction,
  tenantId: string,
  prepared: PreparedUser,
): Promise<User> {
  try {
    return await insertUser(transaction, { id: uuidv7(), tenantId, ...prepared }, deps.clock.now())
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    throw new Problem('conflict', 'users.email_taken', 'Somebody with this address exists already.', {
      cause: error,
    })
  }
}

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}
