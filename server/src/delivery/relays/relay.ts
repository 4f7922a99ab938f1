import type { SendResult, SendRoute, SendSession, Transport } from '#delivery/transport/transport.ts'

/** How well a relay does. `degraded`: it is slow or fails now and then. `down`: nothing is given to it for a while. */
export type HealthState = 'healthy' | 'degraded' | 'down'

export interface RelayHealth {
  readonly state: HealthState
  /** Why it is not healthy, in words for people; never a credential. */
  readonly reason: string | null
  /** How long nothing is given to it, in milliseconds; 0 when it may be tried now. */
  readonly restMs: number
}

/**
 * What a relay does with a message on its way. A list: the headers it writes anew, in lower case, which a DKIM signature
 * of ours must not cover (`headerFields` of the signer). 'all': it writes the whole message anew from its parts, so
 * that only a signature of its own can hold.
 */
export type Rewrites = readonly string[] | 'all'

/** Somebody else's server or API that delivers for us. What it accepts is `sent`; what follows comes back later, if ever. */
export interface Relay extends Pick<Transport, 'close'> {
  readonly name: string
  readonly rewrites: Rewrites
  health(): RelayHealth
  /** How many more messages can be given now without waiting long. */
  capacity(): number
  /** The route matters only to a relay that speaks SMTP: its connections are those of the lane, within that lane's limits. */
  send(route: RelayRoute, message: Parameters<Transport['send']>[1]): Promise<SendResult & SendSession>
}

export type RelayRoute = Pick<SendRoute, 'lane' | 'ehloName'>

/** Somebody has to do something about this relay. */
export interface RelayAlert {
  readonly relay: string
  readonly kind: 'suspended'
  /** What it said; never a credential. */
  readonly reason: string
}
