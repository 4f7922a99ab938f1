import type { PoolConfig } from 'pg'

/** The database roles that migrations make: one tenant at a time, and all of them. */
export type DatabaseRole = 'pigeon_api' | 'pigeon_engine'

/** The same server and database as the administrator's connection, as one of the two roles. */
export function connectionFor(admin: PoolConfig, role: DatabaseRole, password: string): PoolConfig {
  if (admin.connectionString === undefined) return { ...admin, user: role, password }
  const url = new URL(admin.connectionString)
  // pg lets the string win over the fields, so user and password go into the string.
  url.username = role
  url.password = encodeURIComponent(password)
  return { ...admin, connectionString: url.toString() }
}
