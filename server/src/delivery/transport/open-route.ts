import type { Clock } from '#platform/clock.ts'
import { openConnection, type SmtpConnection } from './smtp-connection.ts'
import type { HostMemory } from './host-memory.ts'
import type { TlsTry } from './tls-rule.ts'
import type { SendResult, SendRoute, SmtpTimeouts } from './transport.ts'

/** One opening tries no more addresses than this. */
const MAX_TRIES = 5

export interface OpenFailure {
  readonly result: SendResult
  readonly transcript: string
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly tlsTries: readonly TlsTry[]
}

/** Connects to the best host of the route that takes a connection; the failure is that of the last one tried. */
export async function openRoute(
  deps: { readonly hosts: HostMemory; readonly clock: Clock; readonly timeouts: SmtpTimeouts },
  route: SendRoute,
): Promise<SmtpConnection | OpenFailure> {
  let failure = resting(deps.hosts, route)
  let transcript = ''
  const tlsTries: TlsTry[] = []
  for (const { host, address } of candidates(deps.hosts, route)) {
    const rule = route.tlsRules?.get(host)
    const tls = rule?.isEnforced === true ? 'required' : route.tls
    const isPlain = tls === 'opportunistic' && deps.hosts.isTlsBroken(address)
    const opened = await openConnection({
      host,
      address,
      port: route.port,
      localAddress: route.localAddress,
      ehloName: route.ehloName,
      tls: isPlain ? 'none' : tls,
      tlsRule: rule,
      tlsTries,
      timeouts: deps.timeouts,
      clock: deps.clock,
    })
    if (opened.tlsBroken && route.tls === 'opportunistic') deps.hosts.tlsBroke(address)
    if (opened.kind === 'open') {
      deps.hosts.worked(address)
      return opened.connection
    }
    // A server that says why it does not take us is alive: its lane slows down, but the address is not avoided.
    // One that breaks a rule of one domain is still good for the mail of others.
    const brokeRule = rule !== undefined && opened.result.kind === 'broken' && opened.result.phase === 'tls'
    if (opened.result.kind !== 'reply' && !brokeRule) deps.hosts.failed(address)
    transcript += opened.transcript
    failure = { result: opened.result, transcript, mxHost: host, mxAddress: address, tlsTries }
  }
  return failure
}

function candidates(hosts: HostMemory, route: SendRoute): { host: string; address: string }[] {
  return route.hosts
    .flatMap((mx) => mx.addresses.map((address) => ({ host: mx.name, address })))
    .filter((one) => hosts.waitMs(one.address) === 0)
    .slice(0, MAX_TRIES)
}

/** The answer when every address failed a short time ago. */
function resting(hosts: HostMemory, route: SendRoute): OpenFailure {
  const waits = route.hosts.flatMap((mx) => mx.addresses.map((address) => hosts.waitMs(address)))
  const result: SendResult = {
    kind: 'unsent',
    reason: 'no_connection',
    error: 'no mail host of the domain could be reached a short time ago',
    retryAfterMs: waits.length === 0 ? 0 : Math.min(...waits),
  }
  return { result, transcript: '', mxHost: null, mxAddress: null, tlsTries: [] }
}
