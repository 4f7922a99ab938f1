import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Closed, LaneSource } from './lanes/lane.ts'
import { dayOf } from './lanes/warm-up.ts'
import { addSpend, findSpent, type SpendRow, type SpentRow } from './spend.store.ts'

/** What sources cost, counted by all processes together. Money is in millionths of the installation's currency. */
export interface Spending {
  /** A live message that the source has taken, or may have. */
  add(source: LaneSource): void
  /** Why nothing may leave from a source whose cap is reached. */
  closed(source: LaneSource): Closed | undefined
  /** Stores what was counted and reads what the others have, until `signal` aborts, and then once more. */
  run(signal: AbortSignal): Promise<void>
}

/** How often processes tell each other what they have spent: a cap is exceeded by about as long of traffic. */
const SHARE_MS = 1_000
/** A message costs `cost per thousand` of these. */
const NANO = 1_000
const MICRO = 1_000_000

/**
 * Rejects when what was spent so far cannot be read. A cap is gone past by what all processes send in about a second, and
 * by what they have under way: spending is counted when a message is taken. A process that is killed forgets its last second.
 */
export async function openSpending(deps: { db: Database; clock: Clock; log: Log }): Promise<Spending> {
  const { db, clock, log } = deps
  let known = { day: today(), sums: await readSums() }
  /** By source and day, and those of them that are on their way to the database. */
  let counted = new Map<string, SpendRow>()
  let leaving = new Map<string, SpendRow>()

  function today(): string {
    return dayOf(clock.now())
  }

  async function readSums(): Promise<Map<string, SpentRow>> {
    return new Map((await findSpent(db, today())).map((row) => [row.source_id, row]))
  }

  function count(row: SpendRow): void {
    const key = `${row.source_id}/${row.day}`
    const before = counted.get(key)
    counted.set(key, {
      ...row,
      messages: row.messages + (before?.messages ?? 0),
      spent_nano: row.spent_nano + (before?.spent_nano ?? 0),
    })
  }

  function spent(id: string): { today: number; month: number } {
    const day = today()
    const month = day.slice(0, 7)
    const sums = known.sums.get(id)
    const here = [...counted.values(), ...leaving.values()].filter((row) => row.source_id === id)
    const of = (prefix: string): number =>
      here.filter((row) => row.day.startsWith(prefix)).reduce((sum, row) => sum + row.spent_nano, 0)
    return {
      today: (known.day === day ? (sums?.today ?? 0) : 0) + of(day),
      month: (known.day.startsWith(month) ? (sums?.month ?? 0) : 0) + of(month),
    }
  }

  async function share(): Promise<void> {
    leaving = counted
    counted = new Map()
    try {
      if (leaving.size > 0) await addSpend(db, [...leaving.values()])
      leaving = new Map()
    } catch (error) {
      const unsaved = leaving
      leaving = new Map()
      for (const row of unsaved.values()) count(row)
      throw error
    }
    known = { day: today(), sums: await readSums() }
  }

  async function shareOrSay(): Promise<void> {
    await share().catch((error: unknown) =>
      log.warn({ err: error }, 'What sources cost could not be stored; it is tried again.'),
    )
  }

  return {
    add: ({ id, cost }) => {
      if (cost !== undefined)
        count({ source_id: id, day: today(), messages: 1, spent_nano: cost.perThousand })
    },
    closed: ({ id, cost }) => {
      if (cost === undefined || (cost.dailyCap === null && cost.monthlyCap === null)) return undefined
      const { today: day, month } = spent(id)
      if (cost.dailyCap !== null && day + cost.perThousand > cost.dailyCap * NANO)
        return reached('daily', cost.dailyCap, 'the next day (UTC)')
      if (cost.monthlyCap !== null && month + cost.perThousand > cost.monthlyCap * NANO)
        return reached('monthly', cost.monthlyCap, 'the first of the month (UTC)')
      return undefined
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await shareOrSay()
        await clock.sleep(SHARE_MS, signal)
      }
      await shareOrSay()
    },
  }
}

/** Until then or until somebody raises it: nobody waits for a time that may be over sooner. */
function reached(which: 'daily' | 'monthly', cap: number, until: string): Closed {
  return {
    reason: `The ${which} cost cap of ${money(cap)} is reached: nothing leaves from here until ${until}.`,
    waitMs: Infinity,
    isBusy: false,
  }
}

/** Millionths as people write money: `5.00`, `0.0001`. */
function money(millionths: number): string {
  const units = millionths / MICRO
  return Number.isInteger(units * 100) ? units.toFixed(2) : String(units)
}
