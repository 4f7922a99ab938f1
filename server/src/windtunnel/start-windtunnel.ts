import { join } from 'node:path'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { startAfterwards } from './afterwards/start-afterwards.ts'
import { createAuthenticator } from './authenticate.ts'
import { createBehaviour } from './behaviour.ts'
import type { Behaviour } from './behaviour.ts'
import { openCertificateAuthority } from './certificate-authority.ts'
import { startControlServer } from './control-server.ts'
import type { ControlAddress, ControlServer } from './control-server.ts'
import type { Providers } from './control.schema.ts'
import { startDnsServer } from './dns-server.ts'
import type { DnsServer } from './dns-server.ts'
import { listeningProblem } from './listening-problem.ts'
import { loadProfiles } from './load-profiles.ts'
import { USUAL_LIMITS, openMailStore } from './mail-store.ts'
import type { MailStoreLimits } from './mail-store.ts'
import type { StsLookup } from './mta-sts.ts'
import { createProviderLookup } from './provider-lookup.ts'
import type { ProviderLookup } from './provider-lookup.ts'
import { startReceivers } from './start-receivers.ts'
import type { Receivers } from './start-receivers.ts'
import { createVirtualTime } from './virtual-time.ts'
import type { VirtualTime } from './virtual-time.ts'
import { openZone } from './zone.ts'

const USUAL_TTL_SECONDS = 60

export interface WindtunnelSettings {
  /** The store, the zone and the certificate authority live in `<dataDir>/windtunnel/`. */
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
  /** DNS leads mail for this domain, and those below it, to this machine. */
  readonly inboundDomain?: string | undefined
  readonly limits?: Partial<MailStoreLimits>
  /** A directory of profiles that add to those of Pigeon or replace them. */
  readonly profiles?: string | undefined
  /** `gentle` (the default): a first campaign ends in seconds. `published`: as the providers are. */
  readonly habits?: 'gentle' | 'published'
  /** Virtual seconds a real one. Default 1. */
  readonly timeScale?: number
  /** Where what comes back of accepted mail goes. Default: no mail, and links of loopback only. */
  readonly afterwards?: AfterwardsSettings
}

export interface AfterwardsSettings {
  /** Whether anything comes back from the start; the control server can say so later. */
  readonly on: boolean
  /** Of the installation: besides loopback, where links may lead. */
  readonly publicUrl: string
  /** Where it takes mail, at the loopback address that DNS names. */
  readonly returnPort: number
  /** Things that wait for their time, at most. Default 100 000. */
  readonly maxPending?: number
}

/** The port that other servers speak to: nothing listens there in a test. */
const NOTHING_COMES_BACK: AfterwardsSettings = { on: false, publicUrl: '', returnPort: 25 }

export interface Windtunnel {
  readonly dns: { readonly host: string; readonly port: number }
  readonly smtpPort: number
  /** Loopback address of a provider. Throws a RangeError when there is none of that name. */
  addressOf(provider: string): string
  readonly control: ControlServer['address']
  stop(): Promise<void>
}

interface Deps {
  readonly clock: Clock
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>
}

/**
 * Starts the simulated Internet: DNS for every domain, mailbox providers on loopback addresses, and the control
 * server. Throws a Problem that names the setting when a port is taken, or the file and field when a profile is not
 * usable. `stop` leaves everything on disk.
 */
export async function startWindtunnel(deps: Deps, settings: WindtunnelSettings): Promise<Windtunnel> {
  const { seed } = settings
  const started: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const end of started.splice(0).reverse()) await end()
  }
  try {
    const profiles = await loadProfiles(settings.profiles)
    const providers = createProviderLookup(profiles, seed)
    const time = createVirtualTime(deps.clock, settings.timeScale)
    const directory = join(settings.dataDir, 'windtunnel')
    const store = await openMailStore(deps, directory, { ...USUAL_LIMITS, ...settings.limits })
    started.push(() => store.close())
    const zone = await openZone(join(directory, 'zone.json'))
    const authority = await openCertificateAuthority(join(directory, 'authority.json'), deps.clock.now())
    const behaviours = behavioursOf(providers, settings, time)
    const sts = stsLookup(providers, behaviours)
    const authenticate = createAuthenticator({ zone, clock: deps.clock })
    const offersTls = settings.tls !== false
    const { ttlSeconds = USUAL_TTL_SECONDS, inboundDomain } = settings
    const rules = { zone, providers, sts, ttlSeconds, inboundDomain }
    const { on, ...places } = settings.afterwards ?? NOTHING_COMES_BACK
    const afterwards = startAfterwards({ ...places, seed, dns: rules, time, log: deps.log, profiles }, on)
    started.push(() => afterwards.stop())
    const { accepted } = afterwards
    const receivers = await startReceivers(
      { clock: deps.clock, seed, store, behaviours, authority, authenticate, sts, accepted, offersTls },
      settings.smtpPort,
    )
    started.push(() => receivers.stop())
    const dns = await startDns(rules, settings.dns)
    started.push(() => dns.stop())
    const describeProviders = () => describe(behaviours, receivers)
    const control = await startControl(
      { store, zone, behaviours, providers, time, authority, afterwards, describeProviders, log: deps.log },
      settings.control,
    )
    started.push(() => control.stop())
    const smtpPort = receivers.port
    deps.log.info({ dns: `${dns.host}:${dns.port}`, smtpPort, ...control.address }, 'windtunnel: open')
    return {
      dns: { host: dns.host, port: dns.port },
      smtpPort,
      addressOf: (name) => addressOf(providers, name),
      control: control.address,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function behavioursOf(
  { profiles }: ProviderLookup,
  { seed, habits }: WindtunnelSettings,
  time: VirtualTime,
): ReadonlyMap<string, Behaviour> {
  return new Map(
    profiles.map((profile) => [
      profile.name,
      createBehaviour(
        { time },
        profile,
        seed,
        habits === 'published' ? profile.habits : profile.gentleHabits,
      ),
    ]),
  )
}

function stsLookup(providers: ProviderLookup, behaviours: ReadonlyMap<string, Behaviour>): StsLookup {
  return (domain) => {
    const profile = providers.owner(domain)
    const mode = profile === undefined ? undefined : behaviours.get(profile.name)?.habits.mta_sts
    return profile === undefined || mode === undefined || mode === 'none' ? undefined : { profile, mode }
  }
}

async function startDns(
  rules: Parameters<typeof startDnsServer>[0],
  { host, port }: WindtunnelSettings['dns'],
): Promise<DnsServer> {
  try {
    return await startDnsServer(rules, host, port)
  } catch (error) {
    throw listeningProblem(error, 'DNS', 'PIGEON_WINDTUNNEL_DNS_PORT', port)
  }
}

async function startControl(
  deps: Parameters<typeof startControlServer>[0],
  at: ControlAddress,
): Promise<ControlServer> {
  try {
    return await startControlServer(deps, at)
  } catch (error) {
    const where = 'port' in at ? at.port : at.socketPath
    throw listeningProblem(error, 'control', 'PIGEON_WINDTUNNEL_CONTROL_PORT', where)
  }
}

function describe(behaviours: ReadonlyMap<string, Behaviour>, receivers: Receivers): Providers {
  return {
    data: [...behaviours.values()].map(({ profile, habits }) => ({
      name: profile.name,
      address: profile.address,
      port: receivers.port,
      connections: receivers.connections(profile.name),
      outcomes: receivers.outcomes(profile.name),
      habits,
    })),
  }
}

function addressOf(providers: ProviderLookup, name: string): string {
  const profile = providers.byName(name)
  if (profile === undefined) throw new RangeError(`There is no provider ${name}.`)
  return profile.address
}
