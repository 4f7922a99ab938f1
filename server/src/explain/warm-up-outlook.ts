import { forecastDays } from '#delivery/lanes/warm-up.ts'
import type { KnownLanes } from '#delivery/read-lanes.ts'
import type { Pool } from '#sources/pool.ts'
import { warmUpState } from './lane-outlook.ts'

/** How many days a pool needs for a campaign because its sources warm up. */
export interface WarmUpOutlook {
  /** Null: more than a year. */
  readonly days: number | null
  /** The provider that takes longest. */
  readonly provider: string
  readonly recipients: number
  /** Messages that may still go there today; null: a warm source has no budget. */
  readonly budget_today: number | null
  readonly sentence: string
}

const numbers = new Intl.NumberFormat('en-US')

/** The provider for which the warm-up takes longest, today being the first day; undefined when none takes over a day. */
export function warmUpOutlook(
  pool: Pool,
  groups: readonly { readonly provider: string; readonly count: number }[],
  known: KnownLanes,
  now: Date,
): WarmUpOutlook | undefined {
  const each = groups.map(({ provider, count }) => ({
    provider,
    count,
    ...daysFor(pool, provider, count, known, now),
  }))
  const slowest = each
    .filter(({ days }) => days === undefined || days > 1)
    .toSorted((a, b) => (b.days ?? Infinity) - (a.days ?? Infinity))[0]
  if (slowest === undefined) return undefined
  const { provider, count, days, budget } = slowest
  const needs = days === undefined ? 'more than a year' : `${days} days`
  return {
    days: days ?? null,
    provider,
    recipients: count,
    budget_today: budget,
    sentence: `This campaign needs ${needs} on pool ${pool.name}: ${numbers.format(count)} recipients at ${provider}, budget today ${numbers.format(budget ?? 0)}. To be faster, add a warm source to the pool or let it overflow into one that has some.`,
  }
}

function daysFor(
  pool: Pool,
  provider: string,
  count: number,
  known: KnownLanes,
  now: Date,
): { days: number | undefined; budget: number | null } {
  const members = pool.members.filter(({ source }) => !source.isDraining)
  const states = members.map((member) => {
    const lane = known.lanes.find((each) => each.provider === provider && each.sourceId === member.source.id)
    return warmUpState(member, lane, now)
  })
  const warming = states.filter((state) => state !== undefined)
  // A warm source takes what the others may not.
  if (warming.length < members.length || members.length === 0) return { days: 1, budget: null }
  const budget = warming.reduce(
    (sum, { state, curve }) => sum + Math.max(0, (curve[state.stage] ?? 0) - state.sent),
    0,
  )
  return { days: forecastDays(warming, count), budget }
}
