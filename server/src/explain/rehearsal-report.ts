import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { Pool, PoolChoice } from '#sources/pool.ts'
import type { Forecast, Holdup, ProviderForecast } from '#windtunnel/rehearsal/rehearsal.ts'
import type { Audience } from './count-by-provider.ts'
import { durationOf } from './retry-outlook.ts'
import type { WarmUpOutlook } from './warm-up-outlook.ts'

/** What would happen at one provider. */
export interface ProviderRehearsal {
  readonly provider: string
  /** The simulated provider that stood for it. */
  readonly profile: string
  readonly recipients: number
  readonly delivered: number
  readonly bounced: Readonly<Partial<Record<BounceClass, number>>>
  /** Attempts that were put off, by reason. */
  readonly deferred: Readonly<Partial<Record<BounceClass, number>>>
  readonly expired: number
  readonly duration_seconds: number
  /** When half, and 95 %, of what arrives has arrived. */
  readonly half_seconds: number
  readonly most_seconds: number
  readonly limited_by: Holdup | null
  readonly sentence: string
}

/** What would become of a campaign if it began now. */
export interface Rehearsal {
  readonly campaign_id: string
  readonly as: SendingMode
  readonly summary: string
  readonly pool: { readonly id: string; readonly name: string; readonly reason: string }
  readonly recipients: number
  readonly suppressed: number
  readonly delivered: number
  readonly bounced: number
  readonly deferred: number
  readonly expired: number
  readonly duration_seconds: number
  /** Some recipients are not in the forecast: `notes` say which. */
  readonly is_partial: boolean
  readonly unresolved: { readonly domains: number; readonly recipients: number }
  readonly warm_up: WarmUpOutlook | null
  readonly providers: ProviderRehearsal[]
  /** What was assumed, and what is missing. */
  readonly notes: string[]
}

export interface RehearsalFacts {
  readonly campaignId: string
  readonly as: SendingMode
  readonly choice: PoolChoice
  /** The one whose sources were rehearsed. */
  readonly pool: Pool
  readonly audience: Audience
  /** Providers that were left out. */
  readonly skipped: Audience['groups']
  readonly forecast: Forecast
  readonly warmUp: WarmUpOutlook | undefined
}

const numbers = new Intl.NumberFormat('en-US')

/** A forecast in the words of the API. Recipients at domains that take no mail are counted among the bounced. */
export function tellRehearsal(facts: RehearsalFacts): Rehearsal {
  const { audience, forecast, skipped, warmUp } = facts
  const { unreachable, unresolved } = audience
  const left = unresolved.recipients + skipped.reduce((sum, { count }) => sum + count, 0)
  const bounced = forecast.bounced + unreachable.recipients
  const seconds = Math.ceil(forecast.durationMs / 1000)
  return {
    campaign_id: facts.campaignId,
    as: facts.as,
    summary: summaryOf(facts, bounced, seconds),
    pool: { id: facts.choice.pool.id, name: facts.choice.pool.name, reason: facts.choice.reason },
    recipients: forecast.recipients + unreachable.recipients + left,
    suppressed: audience.suppressed,
    delivered: forecast.delivered,
    bounced,
    deferred: forecast.deferred,
    expired: forecast.expired,
    duration_seconds: seconds,
    is_partial: left > 0,
    unresolved,
    warm_up: warmUp ?? null,
    providers: forecast.providers.map(tellProvider),
    notes: notesOf(facts),
  }
}

function summaryOf({ forecast, warmUp }: RehearsalFacts, bounced: number, seconds: number): string {
  const total = forecast.recipients
  if (total === 0) return 'Nobody would get it.'
  const words = `${numbers.format(forecast.delivered)} of ${numbers.format(total)} would be delivered, the last after ${durationOf(seconds)}; ${numbers.format(bounced)} would bounce, ${numbers.format(forecast.expired)} would expire.`
  return warmUp === undefined ? words : `${words} ${warmUp.sentence}`
}

function tellProvider(found: ProviderForecast): ProviderRehearsal {
  const { deliveredMs, limitedBy } = found
  return {
    provider: found.provider,
    profile: found.profile,
    recipients: found.recipients,
    delivered: found.delivered,
    bounced: found.bounced,
    deferred: found.deferred,
    expired: found.expired,
    duration_seconds: Math.ceil(found.durationMs / 1000),
    half_seconds: Math.ceil(deliveredMs.half / 1000),
    most_seconds: Math.ceil(deliveredMs.most / 1000),
    limited_by: limitedBy ?? null,
    sentence: limitedBy === undefined ? 'Nothing holds it up.' : HOLDUP_WORDS[limitedBy],
  }
}

/** What would make it faster. */
const HOLDUP_WORDS: Readonly<Record<Holdup, string>> = {
  connections: 'Our connections are all in use: allow more for this provider, or add a source.',
  own_limits: 'Our own rate limit holds it up: raise it if the provider agrees, or add a source.',
  warmup:
    'The warm-up budget of the sources holds it up: it goes on day by day, or with a warm source at once.',
  provider: 'The provider asks for less: send more slowly, or from more sources it knows.',
  retries: 'It waits for second attempts, as after greylisting: nothing would make that faster.',
}

function notesOf({ audience, skipped, choice, pool }: RehearsalFacts): string[] {
  const { unreachable, unresolved } = audience
  const people = ({ domains, recipients }: typeof unresolved) =>
    `${numbers.format(recipients)} recipients at ${numbers.format(domains)} domains`
  const notes = [
    'It is assumed that SPF names the sources, and that nobody else sends from them.',
    ...(unreachable.recipients === 0
      ? []
      : [`${people(unreachable)} that take no mail or do not exist count as bounced.`]),
    ...(unresolved.recipients === 0
      ? []
      : [
          `${people(unresolved)} are missing: their mail hosts are not known yet. Rehearse again to get further.`,
        ]),
    ...(skipped.length === 0 ? [] : [`${numbers.format(skipped.length)} small providers are left out.`]),
    ...(pool.id === choice.pool.id
      ? []
      : [`The pool ${choice.pool.name} has no address of its own: its overflow ${pool.name} was rehearsed.`]),
  ]
  return notes
}
