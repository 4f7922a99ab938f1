import { isScope, scopesOfRole } from '#http/scopes.ts'
import type { Scope } from '#http/scopes.ts'
import type { Identity } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { hashApiKey, newApiKey, prefixOf } from './api-key.ts'
import type { ApiKey } from './api-key.ts'
import { insertApiKey } from './api-keys.store.ts'

export interface NewApiKey {
  readonly name: string
  /** All that the maker has when absent. */
  readonly scopes?: readonly string[] | undefined
  /** `sandbox` when absent. */
  readonly mode?: 'sandbox' | 'live' | undefined
  readonly expiresAt?: Date | undefined
}

/**
 * Makes a key for the caller; the key itself is in this answer and nowhere else. Problems: `api_keys.scope_exceeds`,
 * `api_keys.mode_exceeds`, `api_keys.expired`.
 */
export async function createApiKey(
  deps: { clock: Clock; keys: Keys },
  transaction: Transaction,
  who: Identity,
  input: NewApiKey,
): Promise<ApiKey & { key: string }> {
  const mode = input.mode ?? 'sandbox'
  if (mode === 'live' && who.apiKeyId !== undefined && who.mode === 'sandbox') {
    throw new Problem(
      'forbidden',
      'api_keys.mode_exceeds',
      'A sandbox key cannot make a live key. Sign in, or use a live key.',
    )
  }
  const now = deps.clock.now()
  if (input.expiresAt !== undefined && input.expiresAt <= now) throw alreadyExpired()
  const key = newApiKey(mode)
  const row = await insertApiKey(transaction, {
    id: uuidv7(now.getTime()),
    tenant_id: who.tenantId,
    user_id: who.userId,
    name: input.name.trim(),
    prefix: prefixOf(key),
    key_hash: hashApiKey(deps.keys, key),
    mode,
    scopes: scopesFor(who, input.scopes),
    expires_at: input.expiresAt ?? null,
    created_at: now,
  })
  return { ...row, key }
}

function scopesFor(who: Identity, wanted: readonly string[] | undefined): Scope[] {
  const held = who.scopes === 'all' ? scopesOfRole(who.role) : who.scopes
  if (wanted === undefined) return [...held]
  const scopes = [...new Set(wanted.filter((scope) => isScope(scope)))]
  const exceeding = scopes.filter((scope) => !held.includes(scope))
  if (exceeding.length > 0) {
    throw new Problem(
      'forbidden',
      'api_keys.scope_exceeds',
      `You cannot give a key what you do not have yourself: ${exceeding.join(', ')}.`,
    )
  }
  return scopes.sort()
}

function alreadyExpired(): Problem {
  const message = 'This must lie in the future.'
  return new Problem('invalid', 'api_keys.expired', message, {
    errors: [{ field: 'expires_at', code: 'api_keys.expired', message }],
  })
}
