import { Agent as PlainAgent } from 'node:http'
import { Agent as TlsAgent } from 'node:https'
import { Type, type Static } from 'typebox'
import { Check } from 'typebox/value'
import type { Clock } from '#platform/clock.ts'
import { guardedLookup, parseEndpoint, type AddressLookup } from './endpoint.ts'
import type { AccessToken } from './gmail.ts'
import { exchange, RELAY_TIMEOUTS } from './http-exchange.ts'
import { jsonOf } from './relay-api.ts'

/** What an application has that an account let in with the scope `gmail.send`. */
const GoogleCredentials = Type.Object({
  client_id: Type.String({ minLength: 1, maxLength: 512 }),
  client_secret: Type.String({ minLength: 1, maxLength: 512 }),
  refresh_token: Type.String({ minLength: 1, maxLength: 4_096 }),
  /** Google's when absent. */
  token_uri: Type.Optional(Type.String({ maxLength: 512 })),
})
type GoogleCredentials = Static<typeof GoogleCredentials>

const Granted = Type.Object({ access_token: Type.String({ minLength: 1 }), expires_in: Type.Number() })

const GOOGLE = 'https://oauth2.googleapis.com/token'
/** A token is renewed this long before it ends: one that is on its way must not end there. */
const AHEAD_MS = 60_000

/** The credentials in the secret of a Gmail source; undefined when it holds none. */
export function parseGoogleCredentials(secret: string): GoogleCredentials | undefined {
  try {
    const value: unknown = JSON.parse(secret)
    return Check(GoogleCredentials, value) ? value : undefined
  } catch {
    return undefined
  }
}

export interface GoogleTokenDeps {
  readonly clock: Clock
  readonly allowPrivate: boolean
  readonly lookup?: AddressLookup
  /** Certificates to trust besides those of the system. */
  readonly ca?: string
}

/** Access tokens for a refresh token (RFC 6749, section 6), each used as long as it is good. */
export function createGoogleTokens(deps: GoogleTokenDeps, secret: string): AccessToken {
  const { clock } = deps
  let current: { readonly token: string; readonly untilMs: number } | undefined
  let renewing: Promise<string> | undefined

  async function renew(): Promise<string> {
    const credentials = parseGoogleCredentials(secret)
    if (credentials === undefined) throw new Error('The secret holds no credentials of Google.')
    const granted = await askForToken(deps, credentials)
    current = {
      token: granted.access_token,
      untilMs: clock.monotonicMs() + granted.expires_in * 1_000 - AHEAD_MS,
    }
    return current.token
  }

  return async ({ isRefused }) => {
    if (!isRefused && current !== undefined && clock.monotonicMs() < current.untilMs) return current.token
    renewing ??= renew().finally(() => {
      renewing = undefined
    })
    return renewing
  }
}

async function askForToken(
  deps: GoogleTokenDeps,
  { token_uri = GOOGLE, ...credentials }: GoogleCredentials,
): Promise<Static<typeof Granted>> {
  const url = parseEndpoint(token_uri, deps)
  const agent =
    url.protocol === 'https:' ? new TlsAgent(deps.ca === undefined ? {} : { ca: deps.ca }) : new PlainAgent()
  const { end } = await exchange(
    {
      clock: deps.clock,
      agent,
      timeouts: RELAY_TIMEOUTS,
      lookup: guardedLookup(deps, deps.lookup),
      signal: new AbortController().signal,
    },
    {
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(new URLSearchParams({ ...credentials, grant_type: 'refresh_token' }).toString()),
    },
    () => Promise.resolve(),
  )
  const granted = end.kind === 'http' && end.status === 200 ? jsonOf(end) : undefined
  if (Check(Granted, granted)) return granted
  throw new Error('Google gave no access token.')
}
