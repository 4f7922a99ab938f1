import { join } from 'node:path'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { createBehaviour } from './behaviour.ts'
import type { Behaviour } from './behaviour.ts'
import { startControlServer } from './control-server.ts'
import type { ControlAddress, ControlServer } from './control-server.ts'
import { startDnsServer } from './dns-server.ts'
import type { DnsServer } from './dns-server.ts'
import { USUAL_LIMITS, openMailStore } from './mail-store.ts'
import type { MailStore, MailStoreLimits } from './mail-store.ts'
import type { ProviderName } from './profile.ts'
import { profiles } from './provider-catalog.ts'
import { startReceiver } from './receiver.ts'
import type { Receiver } from './receiver.ts'
import { createSelfSignedCertificate } from './self-signed-certificate.ts'
import { queueId } from './seeded-hash.ts'
import { openZone } from './zone.ts'
import type { Zone } from './zone.ts'

const GRACE_MS = 300
const PORT_TRIES = 20
const USUAL_TTL_SECONDS = 60

export interface WindtunnelSettings {
  /** The store and the zone live in `<dataDir>/windtunnel/`. */
  readonly dataDir: string
  /** Decides who is unknown, which domain is whose, and everything else that looks like chance. */
  readonly seed: number
  /** Loopback address and port of the DNS server; port 0 lets the system choose. */
  readonly dns: { readonly host: string; readonly port: number }
  /** Every provider listens on this port of its own loopback address; 0 chooses one that is free on all. */
  readonly smtpPort: number
  readonly control: ControlAddress
  /** Offer STARTTLS where the real provider does. Default true. */
  readonly tls?: boolean
  readonly ttlSeconds?: number
  readonly limits?: Partial<MailStoreLimits>
}

export interface Windtunnel {
  readonly dns: { readonly host: string; readonly port: number }
  readonly smtpPort: number
  /** Loopback address of each provider. */
  readonly addresses: Readonly<Record<ProviderName, string>>
  readonly control: ControlServer['address']
  stop(): Promise<void>
}

interface Deps {
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

type Outcomes = Map<ProviderName, Map<string, number>>

/**
 * Starts the simulated Internet: DNS for every domain, mailbox providers on loopback addresses, and the control
 * server. Throws a Problem that names the setting when a port is taken. `stop` leaves everything on disk.
 */
export async function startWindtunnel(deps: Deps, settings: WindtunnelSettings): Promise<Windtunnel> {
  const started: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    const directory = join(settings.dataDir, 'windtunnel')
    const store = await openMailStore(deps, directory, { ...USUAL_LIMITS, ...settings.limits })
    started.push(() => store.close())
    const zone = await openZone(join(directory, 'zone.json'))
    const outcomes: Outcomes = new Map(profiles.map(({ name }) => [name, new Map()]))
    const behaviours = new Map(
      profiles.map((profile) => [profile.name, createBehaviour(deps, profile, settings.seed)]),
    )
    const receivers = await startReceivers(deps, settings, store, behaviours, outcomes)
    started.push(async () => void (await Promise.all(receivers.map((receiver) => receiver.stop(GRACE_MS)))))
    const dns = await startDns(settings, zone)
    started.push(() => dns.stop())
    const describeProviders = () => describe(behaviours, receivers, outcomes)
    const control = await startControl(
      { store, zone, behaviours, describeProviders, log: deps.log },
      settings.control,
    )
    started.push(() => control.stop())
    const smtpPort = receivers[0]?.port ?? settings.smtpPort
    deps.log.info({ dns: `${dns.host}:${dns.port}`, smtpPort, ...control.address }, 'windtunnel: open')
    return {
      dns: { host: dns.host, port: dns.port },
      smtpPort,
      addresses: addressBook(),
      control: control.address,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** All providers on one port, each on its own address: with port 0, a free one is tried until all have it. */
async function startReceivers(
  deps: Deps,
  settings: WindtunnelSettings,
  store: MailStore,
  behaviours: ReadonlyMap<ProviderName, Behaviour>,
  outcomes: Outcomes,
): Promise<readonly Receiver[]> {
  for (let tries = 1; ; tries++) {
    const receivers: Receiver[] = []
    try {
      for (const behaviour of behaviours.values()) {
        const port = receivers[0]?.port ?? settings.smtpPort
        receivers.push(await startReceiver(receiverDeps(deps, settings, store, behaviour, outcomes), port))
      }
      return receivers
    } catch (error) {
      await Promise.all(receivers.map((receiver) => receiver.stop(0)))
      if (settings.smtpPort === 0 && tries < PORT_TRIES && codeOf(error) === 'EADDRINUSE') continue
      throw portProblem(error, 'SMTP', 'PIGEON_WINDTUNNEL_SMTP_PORT', settings.smtpPort)
    }
  }
}

function receiverDeps(
  deps: Deps,
  settings: WindtunnelSettings,
  store: MailStore,
  behaviour: Behaviour,
  outcomes: Outcomes,
) {
  const { profile } = behaviour
  const counts = outcomes.get(profile.name) ?? new Map<string, number>()
  const hosts = [
    profile.host,
    ...profile.ownMx.map(({ exchange }) => exchange).filter((host) => !host.includes('{')),
  ] as const
  const offersTls = profile.offersTls && settings.tls !== false
  let ids = 0
  return {
    clock: deps.clock,
    behaviour,
    accept: (...args: Parameters<MailStore['append']>) => store.append(...args),
    count: (outcome: string) => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1),
    nextId: () => queueId(settings.seed, (ids += 1)),
    certificate: offersTls ? createSelfSignedCertificate(hosts, deps.clock.now()) : undefined,
  }
}

async function startDns(settings: WindtunnelSettings, zone: Zone): Promise<DnsServer> {
  const { host, port } = settings.dns
  const rules = { zone, seed: settings.seed, ttlSeconds: settings.ttlSeconds ?? USUAL_TTL_SECONDS }
  try {
    return await startDnsServer(rules, host, port)
  } catch (error) {
    throw portProblem(error, 'DNS', 'PIGEON_WINDTUNNEL_DNS_PORT', port)
  }
}

async function startControl(
  deps: Parameters<typeof startControlServer>[0],
  at: ControlAddress,
): Promise<ControlServer> {
  try {
    return await startControlServer(deps, at)
  } catch (error) {
    throw portProblem(
      error,
      'control',
      'PIGEON_WINDTUNNEL_CONTROL_PORT',
      'port' in at ? at.port : at.socketPath,
    )
  }
}

function portProblem(error: unknown, what: string, setting: string, value: number | string): unknown {
  const code = codeOf(error)
  const reasons = new Map([
    ['EADDRINUSE', 'another program uses it'],
    ['EACCES', 'this user may not listen there'],
    ['EADDRNOTAVAIL', 'this machine does not have the loopback address'],
  ])
  const reason = code === undefined ? undefined : reasons.get(code)
  if (reason === undefined) return error
  return new Problem(
    'unavailable',
    'windtunnel.cannot_listen',
    `The windtunnel's ${what} server cannot listen on ${value}: ${reason}. Choose another with ${setting}.`,
    { cause: error },
  )
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function describe(
  behaviours: ReadonlyMap<ProviderName, Behaviour>,
  receivers: readonly Receiver[],
  outcomes: Outcomes,
) {
  return {
    data: [...behaviours.values()].map(({ profile, habits }) => {
      const receiver = receivers.find(({ address }) => address === profile.address)
      return {
        name: profile.name,
        address: profile.address,
        port: receiver?.port ?? 0,
        connections: receiver?.connections() ?? 0,
        outcomes: Object.fromEntries(outcomes.get(profile.name) ?? []),
        habits,
      }
    }),
  }
}

function addressBook(): Record<ProviderName, string> {
  const [google, microsoft, yahoo, gmx, smallisp, plain] = profiles
  return {
    google: google.address,
    microsoft: microsoft.address,
    yahoo: yahoo.address,
    gmx: gmx.address,
    smallisp: smallisp.address,
    plain: plain.address,
  }
}
