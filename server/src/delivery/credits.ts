import type { SendingMode } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { findDestinations, publishCredits, type PublishedCredit } from './credits.store.ts'
import type { HeldJob } from './lanes/lanes.ts'
import type { OwnedShard } from './shard-leases.ts'

/** Credits that have changed are published this often. */
const PUBLISH_MS = 200
/** A change of less than this share of the credit waits for more: each is a write here and a look into the queue there. */
const CHANGE = 1 / 4

export interface CreditDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  /** Messages that it makes sense to hold for a destination now; 0: none of its lanes may send. */
  readonly creditFor: (mode: SendingMode, provider: string) => number
  /** Whether this process can take more work (its outbox has room, its journal writes, it does not hold too much). */
  readonly canTake: () => boolean
}

export interface Credits {
  /** The destinations of shards that are ours now have credits of the new epoch. */
  taken(shards: readonly OwnedShard[]): void
  lost(shard: OwnedShard): void
  /** A job has left this process, by an outcome or unsent. */
  finished(held: HeldJob): void
  /** Publishes until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
}

interface Account {
  readonly id: number
  readonly mode: SendingMode
  readonly provider: string
  readonly shard: number
  readonly epoch: number
  finished: number
  published: { readonly allowed: number; readonly stopped: boolean } | undefined
}

/** Tells dispatch how much it may claim for each destination: what was finished, and what can be sent soon. */
export function createCredits(deps: CreditDeps): Credits {
  const accounts = new Map<number, Account>()
  let unread: OwnedShard[] = []

  async function readTaken(): Promise<void> {
    const shards = unread
    if (shards.length === 0) return
    const epochs = new Map(shards.map((shard) => [shard.id, shard.epoch]))
    for (const row of await findDestinations(deps.db, [...epochs.keys()])) {
      const epoch = epochs.get(row.shard)
      if (epoch !== undefined && accounts.get(row.id)?.epoch !== epoch) open({ ...row, epoch })
    }
    unread = unread.filter((shard) => !shards.includes(shard))
  }

  function open(account: Pick<Account, 'id' | 'mode' | 'provider' | 'shard' | 'epoch'>): Account {
    const opened = { ...account, finished: 0, published: undefined }
    accounts.set(account.id, opened)
    return opened
  }

  function changed(canTake: boolean): (PublishedCredit & { account: Account })[] {
    return [...accounts.values()].flatMap((account) => {
      const wanted = deps.creditFor(account.mode, account.provider)
      const credit = canTake ? wanted : 0
      const allowed = account.finished + credit
      const stopped = wanted === 0
      const { published } = account
      const isNews =
        published === undefined ||
        published.stopped !== stopped ||
        Math.abs(allowed - published.allowed) >= Math.max(1, credit * CHANGE)
      if (!isNews) return []
      return [{ account, destination: account.id, epoch: account.epoch, allowedTotal: allowed, stopped }]
    })
  }

  async function publish(): Promise<void> {
    await readTaken()
    const news = changed(deps.canTake())
    if (news.length === 0) return
    await publishCredits(deps.db, news)
    for (const { account, allowedTotal, stopped } of news)
      account.published = { allowed: allowedTotal, stopped }
  }

  return {
    taken: (shards) => {
      unread.push(...shards)
    },
    lost: (shard) => {
      unread = unread.filter((each) => each.id !== shard.id)
      for (const account of accounts.values()) if (account.shard === shard.id) accounts.delete(account.id)
    },
    finished: ({ job, shard, epoch }) => {
      const known = accounts.get(job.destination)
      if (known !== undefined && known.epoch > epoch) return
      const account =
        known?.epoch === epoch
          ? known
          : open({ id: job.destination, mode: job.mode, provider: job.provider, shard, epoch })
      account.finished += 1
    },
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await publish()
        } catch (error) {
          deps.log.warn({ err: error }, 'Credits could not be published; they are tried again.')
        }
        await deps.clock.sleep(PUBLISH_MS, signal)
      }
    },
  }
}
