import type { Clock } from '#platform/clock.ts'
import type { Behaviour } from './behaviour.ts'
import type { CertificateAuthority } from './certificate-authority.ts'
import { isPortTaken, listeningProblem } from './listening-problem.ts'
import type { MailStore } from './mail-store.ts'
import { startStsServer } from './mta-sts.ts'
import type { StsLookup } from './mta-sts.ts'
import { receiverCertificates } from './receiver-certificates.ts'
import { startReceiver } from './receiver.ts'
import type { Receiver, ReceiverDeps } from './receiver.ts'
import { queueId } from './seeded-hash.ts'
import type { ReceivedMessage, SessionDeps } from './smtp-state.ts'

const PORT_TRIES = 20
const GRACE_MS = 300

export interface Receivers {
  readonly port: number
  /** Of a provider, by name. */
  connections(provider: string): number
  outcomes(provider: string): Readonly<Record<string, number>>
  stop(): Promise<void>
}

export interface ReceiversDeps {
  readonly clock: Clock
  readonly seed: number
  readonly store: MailStore
  readonly behaviours: ReadonlyMap<string, Behaviour>
  readonly authority: CertificateAuthority
  readonly authenticate: SessionDeps['authenticate']
  readonly sts: StsLookup
  /** Told of every message that is in the store. */
  readonly accepted: (message: ReceivedMessage) => void
  /** False: nobody offers STARTTLS. */
  readonly offersTls: boolean
}

/**
 * All providers, and the server of their MTA-STS policies, on one port, each on its own address. With port 0, a free one
 * is tried until all have it.
 */
export async function startReceivers(deps: ReceiversDeps, wantedPort: number): Promise<Receivers> {
  const outcomes = new Map([...deps.behaviours.keys()].map((name) => [name, new Map<string, number>()]))
  for (let tries = 1; ; tries++) {
    const receivers = new Map<string, Receiver>()
    const port = () => receivers.values().next().value?.port ?? wantedPort
    try {
      for (const [name, behaviour] of deps.behaviours) {
        const counts = outcomes.get(name) ?? new Map<string, number>()
        receivers.set(name, await startReceiver(receiverDeps(deps, behaviour, counts), port()))
      }
      const policies = await startPolicies(deps, port())
      return {
        port: port(),
        connections: (name) => receivers.get(name)?.connections() ?? 0,
        outcomes: (name) => Object.fromEntries(outcomes.get(name) ?? []),
        stop: async () => {
          await Promise.all([...receivers.values()].map((receiver) => receiver.stop(GRACE_MS)))
          await policies.stop()
        },
      }
    } catch (error) {
      await Promise.all([...receivers.values()].map((receiver) => receiver.stop(0)))
      if (wantedPort === 0 && tries < PORT_TRIES && isPortTaken(error)) continue
      throw listeningProblem(error, 'SMTP', 'PIGEON_WINDTUNNEL_SMTP_PORT', wantedPort)
    }
  }
}

function startPolicies({ authority, sts, behaviours, clock }: ReceiversDeps, port: number) {
  const domains = [...behaviours.values()].flatMap(({ profile }) => profile.domains)
  return startStsServer({ authority, lookup: sts, domains, now: clock.now() }, port)
}

function receiverDeps(deps: ReceiversDeps, behaviour: Behaviour, counts: Map<string, number>): ReceiverDeps {
  const { clock, seed, store, authority, authenticate } = deps
  const certificates = receiverCertificates({ authority, now: () => clock.now() }, behaviour.profile)
  let ids = 0
  return {
    clock,
    behaviour,
    authenticate,
    accept: (message, done) =>
      store.append(message, (error, sequence) => {
        if (error === undefined) deps.accepted(message)
        done(error, sequence)
      }),
    count: (outcome) => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1),
    nextId: () => queueId(seed, (ids += 1)),
    startTls: () => certificates(deps.offersTls ? behaviour.habits.tls : 'none'),
  }
}
