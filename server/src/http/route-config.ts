import type { RouteOptions } from 'fastify'
import type { Scope } from './scopes.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The caller must have this scope. */
    scope?: Scope
    /** Any caller with valid credentials, whatever their scopes. */
    authenticated?: true
    /** Nobody is asked for credentials. */
    public?: true
    /** The route takes `Idempotency-Key`: its handler runs in `idempotent()`. */
    idempotent?: true
    /** The fields of a multipart/form-data body, for the API document; the handler reads them with `receiveFile()`. */
    upload?: object
  }
}

/** A route that does not say who may call it does not start: a forgotten line must not become an open door. */
export function assertAccessIsDeclared(route: RouteOptions): void {
  const { scope, authenticated, public: isPublic } = route.config ?? {}
  const declared = [scope, authenticated, isPublic].filter((value) => value !== undefined)
  if (declared.length !== 1) {
    throw new Error(
      `${String(route.method)} ${route.url} must declare exactly one of config.scope, config.authenticated and config.public.`,
    )
  }
}
