import { startCourier, type Courier, type CourierDeps } from './courier.ts'
import { leaseDue, releaseLeases, renewLeases, settleAttempts, type LeasedWebhook } from './hooks.store.ts'
import { settleTogether } from './settle-together.ts'

export interface DeliverDeps extends Omit<CourierDeps, 'settle' | 'traffic' | 'failures' | 'random'> {
  /** One running process a name. */
  readonly worker: string
  readonly random?: () => number
}

/** Delivers what is due, to each webhook by itself: one that is slow or gone delays no other. */
export interface Deliverer {
  /** Looks once for webhooks to which something is due, and sets to work for them; those at work look again, too. */
  poll(): Promise<void>
  /** Resolves when nobody is at work. */
  idle(): Promise<void>
  /** Lets what is on its way end, and gives up the leases. */
  stop(): Promise<void>
}

const LEASE_MS = 30_000
const RENEW_MS = 10_000
/** At work at the same time: each holds some deliveries in memory. */
const MAX_AT_WORK = 1_000
const SETTLED_TOGETHER = 500

export function createDeliverer(deps: DeliverDeps): Deliverer {
  const { db, clock, worker } = deps
  const couriers = new Map<string, Courier>()
  const courierDeps: CourierDeps = {
    ...deps,
    random: deps.random ?? Math.random,
    settle: settleTogether((attempts) => settleAttempts(db, attempts), SETTLED_TOGETHER),
    traffic: { active: 0 },
    failures: new Map(),
  }
  let renewedMs = Number.NEGATIVE_INFINITY
  let isStopping = false

  function begin(webhook: LeasedWebhook, untilMs: number): void {
    const courier = startCourier(courierDeps, webhook, untilMs)
    couriers.set(webhook.id, courier)
    void courier.over.then(() => couriers.delete(webhook.id))
  }

  async function renew(): Promise<void> {
    const startedMs = clock.monotonicMs()
    if (startedMs - renewedMs < RENEW_MS) return
    renewedMs = startedMs
    if (couriers.size === 0) return
    const ours = new Map(
      (await renewLeases(db, lease(), [...couriers.keys()])).map((each) => [each.id, each]),
    )
    for (const [id, courier] of couriers) {
      const webhook = ours.get(id)
      if (webhook === undefined) courier.stop()
      else courier.renew(webhook, startedMs + LEASE_MS)
    }
  }

  function lease() {
    const now = clock.now()
    return { worker, now, until: new Date(now.getTime() + LEASE_MS) }
  }

  return {
    poll: async () => {
      await renew()
      for (const courier of couriers.values()) courier.wake()
      const startedMs = clock.monotonicMs()
      const atWork = [...couriers.keys()]
      const limit = MAX_AT_WORK - atWork.length
      if (limit <= 0 || isStopping) return
      for (const webhook of await leaseDue(db, lease(), { atWork, limit }))
        begin(webhook, startedMs + LEASE_MS)
    },
    idle: async () => {
      while (couriers.size > 0) await Promise.all([...couriers.values()].map(({ over }) => over))
    },
    stop: async () => {
      isStopping = true
      for (const courier of couriers.values()) courier.stop()
      await Promise.all([...couriers.values()].map(({ over }) => over))
      await releaseLeases(db, worker)
    },
  }
}
