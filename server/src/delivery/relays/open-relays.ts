import type { SendResult } from '#delivery/transport/transport.ts'
import type { Closed, LaneSource } from '#delivery/lanes/lane.ts'
import type { Log } from '#platform/log.ts'
import type { SourceRelay } from '#sources/source.ts'
import { createRelay, type RelayDeps } from './create-relay.ts'
import { createGoogleTokens } from './google-tokens.ts'
import { SUSPENSION_MS } from './relay-health.ts'
import type { Relay } from './relay.ts'
import { configOfSource } from './source-relay.ts'

/** A source that is a relay. */
export type RelaySource = Pick<LaneSource, 'id' | 'name'> & { readonly relay: SourceRelay }

export interface OpenRelaysDeps extends Omit<RelayDeps, 'alert' | 'accessTokenOf'> {
  readonly log: Log
  /** Rejects when the database does not answer or the secret does not open; undefined when there is none. */
  readonly loadSecret: (sourceId: string) => Promise<string | undefined>
}

/** The relays of this process, one a source, each made when it is first needed. */
export interface OpenRelays {
  /** Never rejects: what is wrong with the settings of a relay is said as its own refusal would be. */
  open(source: RelaySource): Promise<Relay | Extract<SendResult, { kind: 'unsent' }>>
  /** Why the relay of a source takes nothing now; undefined as long as nobody knows better. */
  closed(source: LaneSource): Closed | undefined
  /** Closes those of sources that are gone or are not as they were. */
  keep(sources: readonly LaneSource[]): void
  /** Lets what has begun end, for at most `graceMs`. */
  close(graceMs: number): Promise<void>
}

interface Opened {
  readonly version: string
  readonly opening: Promise<Relay>
  relay?: Relay
  /** Why it could not be made, and until when nobody tries again: monotonic ms. */
  failed?: { readonly error: string; readonly untilMs: number }
}

/** What is in hand over a relay that is no longer wanted may end within this; more than any answer may take. */
const GRACE_MS = 120_000
/** How soon there may be room again in a relay that has all it can hold. */
const BUSY_MS = 100

export function createOpenRelays(deps: OpenRelaysDeps): OpenRelays {
  const opened = new Map<string, Opened>()
  const closing = new Set<Promise<void>>()

  async function make({ id, name, relay }: RelaySource): Promise<Relay> {
    const secret = await deps.loadSecret(id)
    const config = configOfSource({ name, kind: relay.kind, config: relay.config, secret })
    const accessToken = config.kind === 'gmail' ? createGoogleTokens(deps, secret ?? '') : noToken
    return createRelay(
      {
        ...deps,
        accessTokenOf: () => accessToken,
        alert: ({ reason }) =>
          deps.log.error({ source: name, reason }, 'A relay does not let Pigeon in. Mend its source.'),
      },
      config,
    )
  }

  function begin(source: RelaySource): Opened {
    const { version } = source.relay
    const known = opened.get(source.id)
    const isOver = known?.failed !== undefined && deps.clock.monotonicMs() >= known.failed.untilMs
    if (known?.version === version && !isOver) return known
    if (known !== undefined) leave(source.id, known, GRACE_MS)
    const made: Opened = { version, opening: make(source) }
    opened.set(source.id, made)
    made.opening.then(
      (relay) => {
        made.relay = relay
      },
      (error: unknown) => {
        const words = error instanceof Error ? error.message : String(error)
        made.failed = { error: words, untilMs: deps.clock.monotonicMs() + SUSPENSION_MS }
        deps.log.error({ err: error, source: source.name }, 'A relay cannot be used.')
      },
    )
    return made
  }

  function leave(id: string, one: Opened, graceMs: number): void {
    opened.delete(id)
    const end: Promise<void> = one.opening
      .then((relay) => relay.close(graceMs))
      .catch(() => undefined)
      .finally(() => closing.delete(end))
    closing.add(end)
  }

  return {
    open: async (source) => {
      try {
        return await begin(source).opening
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        return { kind: 'unsent', reason: 'suspended', error: words, retryAfterMs: SUSPENSION_MS }
      }
    },
    closed: (source) => {
      const one = opened.get(source.id)
      if (one === undefined || one.version !== source.relay?.version) return undefined
      const { relay, failed } = one
      if (failed !== undefined) {
        const waitMs = failed.untilMs - deps.clock.monotonicMs()
        return waitMs > 0 ? { reason: failed.error, waitMs, isBusy: false } : undefined
      }
      if (relay === undefined) return undefined
      const { state, reason, restMs } = relay.health()
      if (state === 'down') return { reason: reason ?? 'The relay is down.', waitMs: restMs, isBusy: false }
      if (relay.capacity() > 0) return undefined
      return { reason: 'The relay has all it can hold in hand.', waitMs: BUSY_MS, isBusy: true }
    },
    keep: (sources) => {
      const versions = new Map(sources.map(({ id, relay }) => [id, relay?.version]))
      for (const [id, one] of opened) if (versions.get(id) !== one.version) leave(id, one, GRACE_MS)
    },
    close: async (graceMs) => {
      for (const [id, one] of opened) leave(id, one, graceMs)
      await Promise.all(closing)
    },
  }
}

/** Only Gmail asks for one. */
function noToken(): Promise<string> {
  return Promise.reject(new Error('This relay has no tokens.'))
}
