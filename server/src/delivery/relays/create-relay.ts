import { isIP } from 'node:net'
import type { TlsRule } from '#delivery/transport/tls-rule.ts'
import type { SmtpAuth, Transport } from '#delivery/transport/transport.ts'
import { Problem } from '#platform/problem.ts'
import { guardedLookup, parseEndpoint, type AddressLookup } from './endpoint.ts'
import { gmailApi, type AccessToken } from './gmail.ts'
import { RELAY_TIMEOUTS, type RelayTimeouts } from './http-exchange.ts'
import { createHttpRelay, type HttpRelayDeps } from './http-relay.ts'
import { mailgunApi } from './mailgun.ts'
import { postmarkApi } from './postmark.ts'
import type { RelayApi } from './relay-api.ts'
import {
  DEFAULT_MAX_CONCURRENT,
  officialEndpoint,
  type HttpRelayConfig,
  type RelayConfig,
} from './relay-config.ts'
import type { Relay } from './relay.ts'
import { sendgridApi } from './sendgrid.ts'
import { sesApi } from './ses.ts'
import { createSmarthost } from './smarthost.ts'

type SmarthostConfig = Extract<RelayConfig, { kind: 'smarthost' }>

export interface RelayDeps extends Pick<HttpRelayDeps, 'clock' | 'alert' | 'ca'> {
  /** Default `RELAY_TIMEOUTS`. */
  readonly timeouts?: RelayTimeouts
  /** Speaks SMTP to smarthosts. It is closed by who made it. */
  readonly smtp: Transport
  /** The token of a Gmail account: kept, renewed and asked for elsewhere. */
  readonly accessTokenOf: (account: string) => AccessToken
  /** Whether relays may be on private addresses and on this machine: a setting of the installation, never of a tenant. */
  readonly allowPrivate: boolean
  /** Default that of the system. */
  readonly lookup?: AddressLookup
}

/** A relay from its configuration. Connects to nothing yet. Throws a Problem for an endpoint that must not be used. */
export function createRelay(deps: RelayDeps, config: RelayConfig): Relay {
  const lookup = guardedLookup(deps, deps.lookup)
  const { name, maxConcurrent = DEFAULT_MAX_CONCURRENT } = config
  if (config.kind === 'smarthost') {
    const { host, port } = config
    const isImplicitTls = config.tls === 'implicit'
    const tls = config.tls === 'implicit' ? 'required' : config.tls
    return createSmarthost(
      { ...deps, transport: deps.smtp, addressesOf: (host) => addressesOf(lookup, host) },
      {
        name,
        host,
        port,
        tls,
        isImplicitTls,
        tlsRule: tlsRuleOf(deps, config),
        auth: loginOf(deps, config),
        maxConcurrent,
      },
    )
  }
  const endpoint = parseEndpoint(config.endpoint ?? officialEndpoint(config), deps)
  const timeouts = deps.timeouts ?? RELAY_TIMEOUTS
  return createHttpRelay(
    { ...deps, timeouts, lookup },
    { name, endpoint, maxConcurrent },
    apiOf(deps, config, endpoint),
  )
}

/** Throws the Problem that `createRelay` would throw. */
export function checkRelay(deps: Pick<RelayDeps, 'allowPrivate' | 'ca'>, config: RelayConfig): void {
  if (config.kind === 'smarthost') {
    loginOf(deps, config)
    tlsRuleOf(deps, config)
  } else parseEndpoint(config.endpoint ?? officialEndpoint(config), deps)
}

function loginOf(
  deps: Pick<RelayDeps, 'allowPrivate'>,
  { tls, username, password }: SmarthostConfig,
): SmtpAuth | undefined {
  if (username === undefined && password === undefined) return undefined
  if (username === undefined || password === undefined) {
    throw new Problem('invalid', 'relays.half_credentials', 'Give a user name and a password, or neither.')
  }
  if (tls !== 'required' && tls !== 'implicit' && !deps.allowPrivate) {
    throw new Problem(
      'invalid',
      'relays.password_in_plain',
      'A smarthost with a password needs TLS: required or implicit.',
    )
  }
  return { user: username, kind: 'password', secret: password }
}

/** RFC 8314 3.3 asks of clients what browsers do: a chain to a known authority, and the name that was asked for. */
function tlsRuleOf(
  { ca }: Pick<RelayDeps, 'ca'>,
  { tls, host, verify }: SmarthostConfig,
): TlsRule | undefined {
  const isRequired = tls === 'required' || tls === 'implicit'
  const hasName = isIP(host) === 0
  if (verify === true && !(isRequired && hasName)) {
    throw new Problem(
      'invalid',
      'relays.cannot_verify',
      'A certificate is verified where TLS is required or implicit, and the host is a name and no address.',
    )
  }
  if (!(verify ?? (isRequired && hasName))) return undefined
  return {
    isEnforced: true,
    proof: { kind: 'webpki', ca },
    demand: `Nothing is sent to a relay that may be somebody else. Correct its certificate, or set verify to false if you know it by its address.`,
    key: 'verified',
  }
}

function apiOf(deps: RelayDeps, config: HttpRelayConfig, endpoint: URL): RelayApi {
  switch (config.kind) {
    case 'ses':
      return sesApi(deps, { ...config, endpoint, credentials: config })
    case 'sendgrid':
      return sendgridApi(deps, { endpoint, apiKey: config.apiKey })
    case 'mailgun':
      return mailgunApi(deps, { ...config, endpoint })
    case 'postmark':
      return postmarkApi(deps, { ...config, endpoint })
    default:
      return gmailApi({ ...deps, accessToken: deps.accessTokenOf(config.account) }, { endpoint })
  }
}

function addressesOf(lookup: AddressLookup, host: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error !== null) reject(error)
      else resolve(typeof found === 'string' ? [found] : found.map((one) => one.address))
    })
  })
}
