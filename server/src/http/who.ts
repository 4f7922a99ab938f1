import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '#platform/problem.ts'
import type { Role, Scope } from './scopes.ts'

/** Who is asking, as the credentials of this request say. */
export interface Identity {
  readonly tenantId: string
  readonly userId: string
  readonly role: Role
  readonly scopes: readonly Scope[] | 'all'
  readonly mode: 'sandbox' | 'live'
  /** Set when the caller holds an API key. */
  readonly apiKeyId?: string
  /** Set when the caller has signed in with a password. */
  readonly sessionId?: string
}

/** Where credentials stand: a request, or what came in the first words of a connection. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders
}

/** Checks the credentials of a request; throws Problem('unauthenticated') when there are none or they are no good. */
export type Authenticate = (request: Credentials) => Promise<Identity>

const identities = new WeakMap<FastifyRequest, Identity>()

/** The authenticated caller. Throws a Problem when the route is public and so nobody was asked for credentials. */
export function who(request: FastifyRequest): Identity {
  const identity = identities.get(request)
  if (identity === undefined)
    throw new Problem(
      'unauthenticated',
      'auth.missing',
      'Sign in, or send an API key: Authorization: Bearer ...',
    )
  return identity
}

/** Checks credentials, then the scope that the route asks for. */
export async function admit(
  authenticate: Authenticate,
  request: FastifyRequest,
  config: FastifyContextConfig,
): Promise<void> {
  if (config.public === true) return
  const identity = await authenticate(request)
  identities.set(request, identity)
  if (config.scope !== undefined) requireScope(identity, config.scope)
}

/** Throws Problem('forbidden') unless the caller has this scope. */
export function requireScope(identity: Identity, scope: Scope): void {
  if (hasScope(identity, scope)) return
  const remedy =
    identity.apiKeyId === undefined
      ? `Your role (${identity.role}) does not include it.`
      : 'Use an API key that carries it.'
  throw new Problem('forbidden', 'auth.scope_missing', `This needs the scope ${scope}. ${remedy}`)
}

export function hasScope(identity: Identity, scope: Scope): boolean {
  return identity.scopes === 'all' || identity.scopes.includes(scope)
}
