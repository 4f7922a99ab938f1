import { isScope, scopesOfRole } from '#http/scopes.ts'
import type { Authenticate, Credentials, Identity } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { UserStatus } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { findTenant } from '#tenants/get-tenant.ts'
import type { AccessTokens } from './access-tokens.ts'
import { hashApiKey, isApiKey } from './api-key.ts'
import { findApiKey, markApiKeyUsed } from './api-keys.store.ts'
import type { FoundApiKey } from './api-keys.store.ts'
import type { IdentityCache } from './identity-cache.ts'
import { findSession } from './sessions.store.ts'

/** `last_used_at` is written at most this often: it is for people, and a write at every request is not. */
const USED_EVERY_MS = 60_000
/** A JWT of ours has some 600 characters. */
const MAX_CREDENTIAL_CHARS = 4096

export interface AuthenticateDeps {
  readonly db: Database
  readonly clock: Clock
  readonly keys: Keys
  readonly tokens: AccessTokens
  readonly identities: IdentityCache
}

/**
 * Reads `Authorization: Bearer` with an access token or an API key. Every refusal is a Problem('unauthenticated') with
 * a code that says why: `auth.missing`, `auth.scheme`, `auth.bad_token`, `auth.session_over`, `auth.bad_key`,
 * `auth.key_revoked`, `auth.key_expired`, `auth.user_disabled`; a suspended tenant is `forbidden`.
 */
export function createAuthenticate(deps: AuthenticateDeps): Authenticate {
  return async (request) => {
    const credential = bearerOf(request)
    return credential.startsWith('pg_') ? byApiKey(deps, credential) : byToken(deps, credential)
  }
}

function bearerOf(request: Credentials): string {
  const header = request.headers.authorization
  if (header === undefined) {
    throw refused(
      'auth.missing',
      'Sign in with POST /v1/auth/login, or use an API key, and send it as Authorization: Bearer ...',
    )
  }
  const [, credential] = /^bearer +([^\s,]+) *$/i.exec(header) ?? []
  if (credential === undefined || credential.length > MAX_CREDENTIAL_CHARS) {
    throw refused('auth.scheme', 'Send Authorization: Bearer, a space, and the access token or API key.')
  }
  return credential
}

function refused(code: string, message: string): Problem {
  return new Problem('unauthenticated', code, message)
}

async function byToken(deps: AuthenticateDeps, token: string): Promise<Identity> {
  const sessionId = await deps.tokens.verify(token)
  if (sessionId === undefined)
    throw refused('auth.bad_token', 'This access token is not valid or is over. Sign in again.')
  const known = deps.identities.get(`session:${sessionId}`)
  if (known !== undefined) return known
  const session = await findSession(deps.db, sessionId)
  if (session === undefined || session.revoked_at !== null || session.expires_at <= deps.clock.now()) {
    throw refused('auth.session_over', 'This session is over. Sign in again.')
  }
  assertActive(session.status)
  const identity: Identity = {
    tenantId: session.tenant_id,
    userId: session.user_id,
    role: session.role,
    scopes: scopesOfRole(session.role),
    mode: await modeOf(deps, session.tenant_id, 'live'),
    sessionId,
  }
  deps.identities.set(`session:${sessionId}`, identity, session.expires_at)
  return identity
}

async function byApiKey(deps: AuthenticateDeps, text: string): Promise<Identity> {
  if (!isApiKey(text))
    throw refused('auth.bad_key', 'This API key is misspelt or cut off. Copy it again, whole.')
  const hash = hashApiKey(deps.keys, text)
  const credential = `key:${hash.toString('base64')}`
  const known = deps.identities.get(credential)
  if (known !== undefined) return known
  const key = await findApiKey(deps.db, hash)
  if (key === undefined) throw refused('auth.bad_key', 'There is no such API key in this installation.')
  assertUsable(key, deps.clock.now())
  const held = scopesOfRole(key.role)
  const identity: Identity = {
    tenantId: key.tenant_id,
    userId: key.user_id,
    role: key.role,
    // What its maker may not do any more, the key may not either.
    scopes: key.scopes.filter((scope) => isScope(scope)).filter((scope) => held.includes(scope)),
    mode: await modeOf(deps, key.tenant_id, key.mode),
    apiKeyId: key.id,
  }
  await noteUse(deps, key)
  deps.identities.set(credential, identity, key.expires_at)
  return identity
}

function assertUsable(key: FoundApiKey, now: Date): void {
  if (key.revoked_at !== null) throw refused('auth.key_revoked', 'This API key was revoked. Make a new one.')
  if (key.expires_at !== null && key.expires_at <= now)
    throw refused('auth.key_expired', 'This API key has expired. Make a new one.')
  assertActive(key.user_status)
}

function assertActive(status: UserStatus): void {
  if (status !== 'active')
    throw refused('auth.user_disabled', 'This account is disabled. Ask the owner of your tenant.')
}

/** The more careful of the credential's mode and the tenant's. */
async function modeOf(
  deps: AuthenticateDeps,
  tenantId: string,
  own: 'sandbox' | 'live',
): Promise<'sandbox' | 'live'> {
  const tenant = await findTenant(deps, tenantId)
  if (tenant === undefined || tenant.status !== 'active') {
    throw new Problem(
      'forbidden',
      'auth.tenant_suspended',
      'This tenant is suspended. Ask whoever runs this installation.',
    )
  }
  return own === 'live' ? tenant.mode : 'sandbox'
}

async function noteUse(deps: AuthenticateDeps, key: FoundApiKey): Promise<void> {
  const now = deps.clock.now()
  const notSince = new Date(now.getTime() - USED_EVERY_MS)
  if (key.last_used_at !== null && key.last_used_at >= notSince) return
  await asTenant(deps.db, key.tenant_id, (transaction) =>
    markApiKeyUsed(transaction, { id: key.id, notSince }, now),
  )
}
