import { parseAddress } from '@pigeon/mail/address.ts'
import { Problem } from '#platform/problem.ts'
import type { UserRole, UserStatus } from '#platform/postgres/database.gen.ts'

export interface User {
  readonly id: string
  readonly email: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly role: UserRole
  readonly status: UserStatus
  readonly created_at: Date
}

/** How an address is written and how it is compared. Problem `users.bad_email`. */
export function parseUserEmail(text: string): { email: string; emailKey: string } {
  const parsed = parseAddress(text.trim(), { allowSingleLabel: true, isAsciiOnly: true })
  if (parsed.ok) return { email: parsed.address, emailKey: parsed.key }
  throw new Problem('invalid', 'users.bad_email', parsed.message, {
    errors: [{ field: 'email', code: 'users.bad_email', message: parsed.message }],
  })
}
