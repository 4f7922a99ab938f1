import { addTenant } from '#tenants/create-tenant.ts'
import { assertTimeZone } from '#tenants/tenant.ts'
import type { Tenant } from '#tenants/tenant.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { addUser, prepareUser } from './create-user.ts'
import type { Passwords } from './passwords.ts'
import type { User } from './user.ts'
import { hasOwner, lockSetup } from './users.store.ts'

export interface SetupDeps {
  readonly db: Database
  readonly clock: Clock
  readonly passwords: Passwords
}

export interface NewOwner {
  readonly email: string
  readonly password: string
  readonly firstName?: string | undefined
  readonly lastName?: string | undefined
  readonly tenantName: string
  readonly timeZone?: string | undefined
}

/** Whether nobody owns this installation yet. */
export async function isSetupNeeded(deps: { db: Database }): Promise<boolean> {
  return !(await hasOwner(deps.db))
}

/**
 * The first run: makes the first tenant and its owner. Only one of several that run at once succeeds, and never a
 * second one later: Problem `setup.done`.
 */
export async function createOwner(deps: SetupDeps, input: NewOwner): Promise<{ tenant: Tenant; user: User }> {
  if (await hasOwner(deps.db)) throw setupDone()
  if (input.timeZone !== undefined) assertTimeZone(input.timeZone)
  const prepared = await prepareUser(deps, { ...input, role: 'owner' })
  const id = uuidv7()
  return asTenant(deps.db, id, async (transaction) => {
    await lockSetup(transaction)
    if (await hasOwner(transaction)) throw setupDone()
    const tenant = await addTenant(deps, transaction, {
      id,
      name: input.tenantName,
      timeZone: input.timeZone,
    })
    const user = await addUser(deps, transaction, id, prepared)
    return { tenant, user }
  })
}

function setupDone(): Problem {
  return new Problem(
    'conflict',
    'setup.done',
    'This installation is set up already. Sign in with POST /v1/auth/login.',
  )
}
