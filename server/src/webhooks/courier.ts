import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import {
  disable,
  markFailing,
  markWorking,
  selectDue,
  type DueDelivery,
  type LeasedWebhook,
  type SettledAttempt,
} from './hooks.store.ts'
import { isGone, isSuccess, judgeAttempt } from './judge-attempt.ts'
import type { Poster, PostResult } from './post-webhook.ts'
import { openSecret } from './webhook-secret.ts'

export interface CourierDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly keys: Keys
  readonly poster: Pick<Poster, 'post'>
  readonly settle: (attempt: SettledAttempt) => Promise<void>
  /** Of all couriers of this process. */
  readonly traffic: { active: number }
  /** Failures in a row by webhook, kept between two times at work. */
  readonly failures: Map<string, number>
  /** A webhook whose every attempt has failed for this long is disabled. Milliseconds. */
  readonly disableAfterMs: number
  readonly random: () => number
}

/** Delivers to one webhook what is due, until nothing is. */
export interface Courier {
  /** There may be more to do. */
  wake(): void
  /** The webhook as it is now, and until when (monotonic) it is ours. */
  renew(webhook: LeasedWebhook, untilMs: number): void
  /** Lets what is on its way end. */
  stop(): void
  /** Never rejects. */
  readonly over: Promise<void>
}

/** Requests at the same time to one receiver. */
const CONCURRENCY = 32
/** ... and of all of a process; beyond it each receiver has one. */
const MAX_ACTIVE = 512
/** Deliveries in memory of one receiver, and below how many that wait more are fetched. */
const HELD = 128
const LOW = 48
/** After so many failures in a row a receiver is asked one at a time. */
const FAILING_AFTER = 5

export function startCourier(deps: CourierDeps, leased: LeasedWebhook, leasedUntilMs: number): Courier {
  const { db, clock, log, traffic, failures } = deps
  const { id } = leased
  let webhook = leased
  let untilMs = leasedUntilMs
  let failingSince = leased.failing_since
  let secrets = openSecrets(deps, leased)
  const held = new Set<string>()
  let waiting: DueDelivery[] = []
  let active = 0
  let isStopping = false
  let mayHaveMore = true
  let bell = Promise.withResolvers<void>()
  secrets.catch(() => undefined)

  async function work(): Promise<void> {
    for (;;) {
      if (isStopping || clock.monotonicMs() >= untilMs) break
      if (mayHaveMore && waiting.length < LOW) await fetchMore()
      while (waiting.length > 0 && active < allowed()) begin()
      if (held.size === 0 && !mayHaveMore) break
      await rung()
    }
    for (const { id } of waiting) held.delete(id)
    waiting = []
    while (held.size > 0) await rung()
  }

  async function rung(): Promise<void> {
    await bell.promise
    bell = Promise.withResolvers<void>()
  }

  async function fetchMore(): Promise<void> {
    mayHaveMore = false
    const limit = HELD - held.size
    if (limit <= 0) return
    const found = await selectDue(db, id, clock.now(), { holds: [...held], limit })
    mayHaveMore ||= found.length === limit
    for (const due of found) held.add(due.id)
    waiting.push(...found)
  }

  /** One is always allowed, so that no receiver waits for the others. */
  function allowed(): number {
    const isFailing = (failures.get(id) ?? 0) >= FAILING_AFTER || failingSince !== null
    return isFailing || traffic.active >= MAX_ACTIVE ? 1 : CONCURRENCY
  }

  function begin(): void {
    const due = waiting.shift()
    if (due === undefined) return
    active += 1
    traffic.active += 1
    void attempt(due)
      .catch((error: unknown) => {
        log.error({ err: error, webhook_id: id }, 'Webhooks could not be delivered and will be later.')
        isStopping = true
      })
      .finally(() => {
        held.delete(due.id)
        mayHaveMore = true
        bell.resolve()
      })
  }

  /** The newest, and the one before it while it is valid. */
  function signing({ current, previous }: Secrets): string[] {
    return previous !== null && previous.until > clock.now() ? [current, previous.secret] : [current]
  }

  async function attempt(due: DueDelivery): Promise<void> {
    const { url } = webhook
    let result: PostResult
    try {
      result = await deps.poster.post({ url, secrets: signing(await secrets), id: due.id, body: due.payload })
    } finally {
      active -= 1
      traffic.active -= 1
      bell.resolve()
    }
    await deps.settle(judgeAttempt(due, url, result, { now: clock.now(), random: deps.random() }))
    await noteHealth(result)
  }

  async function noteHealth(result: PostResult): Promise<void> {
    if (isSuccess(result)) {
      failures.delete(id)
      if (failingSince === null) return
      failingSince = null
      return markWorking(db, id)
    }
    const inARow = (failures.get(id) ?? 0) + 1
    failures.set(id, inARow)
    if (isGone(result)) return end('The receiver has answered 410: it wants nothing more.')
    if (failingSince === null && inARow < FAILING_AFTER) return
    const now = clock.now()
    if (failingSince === null) {
      failingSince = now
      return markFailing(db, id, now)
    }
    const failedMs = now.getTime() - failingSince.getTime()
    if (failedMs >= deps.disableAfterMs)
      await end(`Every attempt since ${failingSince.toISOString()} has failed.`)
  }

  async function end(reason: string): Promise<void> {
    isStopping = true
    if (await disable(db, webhook, reason, clock.now()))
      log.warn({ webhook_id: id, reason }, 'A webhook was disabled.')
  }

  const over = work().catch((error: unknown) =>
    log.error({ err: error, webhook_id: id }, 'Webhooks wait: the database cannot be asked.'),
  )
  return {
    over,
    wake: () => {
      mayHaveMore = true
      bell.resolve()
    },
    renew: (now, leasedUntilMs) => {
      untilMs = leasedUntilMs
      if (now.updated_at.getTime() === webhook.updated_at.getTime()) return
      webhook = now
      secrets = openSecrets(deps, now)
      secrets.catch(() => undefined)
    },
    stop: () => {
      isStopping = true
      bell.resolve()
    },
  }
}

interface Secrets {
  readonly current: string
  readonly previous: { readonly secret: string; readonly until: Date } | null
}

async function openSecrets({ keys }: Pick<CourierDeps, 'keys'>, webhook: LeasedWebhook): Promise<Secrets> {
  const { id, secret, previous_secret: previous, previous_secret_until: until } = webhook
  return {
    current: await openSecret(keys, id, secret),
    previous:
      previous === null || until === null ? null : { secret: await openSecret(keys, id, previous), until },
  }
}
