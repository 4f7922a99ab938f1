import { describeRule, fits, type Candidate, type RoutedMessage, type RoutingPool } from './routing-rule.ts'
import type { RoutingRule } from './routing-rule.ts'

/** What is known of a source when a message is routed. Money is in millionths of the installation's currency. */
export interface SourceState {
  readonly health: 'healthy' | 'degraded' | 'down'
  /** In words, when it is not healthy. */
  readonly reason: string | null
  readonly costPerThousand: number
  /** Null: no cap. */
  readonly dailyCap: number | null
  readonly monthlyCap: number | null
  readonly spentToday: number
  readonly spentThisMonth: number
}

export interface RoutingQuestion {
  readonly pool: RoutingPool
  readonly message: RoutedMessage
  readonly sources: ReadonlyMap<string, SourceState>
  /** Already tried for this attempt, and not to be tried again in it. */
  readonly tried: ReadonlySet<string>
  /** 0 <= n < 1. */
  readonly random: () => number
}

/** Where the message goes, and why there, in sentences for people. `wait`: nowhere now. */
export type Choice =
  | { readonly kind: 'source'; readonly source: string; readonly reasons: readonly string[] }
  | { readonly kind: 'wait'; readonly reasons: readonly string[] }

const MILLION = 1_000_000

/**
 * Chooses by the first rule that fits: among its candidates that can be used the healthy ones of the lowest order, by
 * weight; degraded ones only when no candidate of the rule is healthy.
 */
export function chooseSource(question: RoutingQuestion): Choice {
  const { pool, message } = question
  const reasons: string[] = []
  for (const [index, rule] of pool.rules.entries()) {
    if (!fits(rule, message)) continue
    reasons.push(`pool ${pool.name}: rule ${index + 1} fits (${describeRule(rule)})`)
    const source = chooseByRule(question, rule, reasons)
    if (source !== undefined) return { kind: 'source', source, reasons }
    if (rule.otherwise === 'wait') {
      reasons.push('none of its sources can be used: the message waits')
      return { kind: 'wait', reasons }
    }
    reasons.push('none of its sources can be used: the next rules are looked at')
  }
  reasons.push(`pool ${pool.name}: no ${reasons.length === 0 ? '' : 'further '}rule fits: the message waits`)
  return { kind: 'wait', reasons }
}

function chooseByRule(question: RoutingQuestion, rule: RoutingRule, reasons: string[]): string | undefined {
  const usable = rule.candidates.filter((candidate) => {
    const against = whyNot(question, candidate)
    if (against !== undefined) reasons.push(`${candidate.source} skipped: ${against}`)
    return against === undefined
  })
  const healthy = usable.filter(({ source }) => question.sources.get(source)?.health === 'healthy')
  const pick = healthy.length > 0 ? healthy : usable
  if (healthy.length > 0) {
    for (const { source } of usable.filter((one) => !healthy.includes(one))) {
      reasons.push(`${source} not preferred: ${reasonOf(question, source)}`)
    }
  }
  const lowest = Math.min(...pick.map(({ order }) => order))
  const first = pick.filter(({ order }) => order === lowest)
  const chosen = byWeight(first, question.random)
  if (chosen === undefined) return undefined
  reasons.push(`${chosen.source} chosen: ${whyChosen(question, chosen, first)}`)
  return chosen.source
}

/** What speaks against a candidate altogether; undefined when nothing does. */
function whyNot({ sources, tried }: RoutingQuestion, { source }: Candidate): string | undefined {
  const state = sources.get(source)
  if (state === undefined) return 'no such source'
  if (tried.has(source)) return 'already tried for this message'
  if (state.health === 'down') return `down${state.reason === null ? '' : ` (${state.reason})`}`
  const cost = state.costPerThousand / 1000
  if (state.dailyCap !== null && state.spentToday + cost > state.dailyCap) {
    return `daily cost cap ${money(state.dailyCap)} reached`
  }
  if (state.monthlyCap !== null && state.spentThisMonth + cost > state.monthlyCap) {
    return `monthly cost cap ${money(state.monthlyCap)} reached`
  }
  return undefined
}

function whyChosen(question: RoutingQuestion, chosen: Candidate, first: readonly Candidate[]): string {
  const total = first.reduce((sum, { weight }) => sum + weight, 0)
  const share = first.length > 1 && total > 0 ? `, weight ${chosen.weight} of ${total}` : ''
  const health = question.sources.get(chosen.source)?.health
  const state = health === 'healthy' ? '' : `, though degraded: ${reasonOf(question, chosen.source)}`
  return `order ${chosen.order}${share}${state}`
}

function reasonOf({ sources }: RoutingQuestion, source: string): string {
  return sources.get(source)?.reason ?? 'it is degraded'
}

/** One of them, in proportion to their weights; the first when none has any. */
function byWeight(candidates: readonly Candidate[], random: () => number): Candidate | undefined {
  if (candidates.length < 2) return candidates[0]
  const total = candidates.reduce((sum, { weight }) => sum + weight, 0)
  let at = random() * total
  for (const candidate of candidates) {
    at -= candidate.weight
    if (at < 0) return candidate
  }
  return candidates[0]
}

/** Millionths as people write money: `5.00`, `0.0001`. */
function money(millionths: number): string {
  const units = millionths / MILLION
  return Number.isInteger(units * 100) ? units.toFixed(2) : String(units)
}
