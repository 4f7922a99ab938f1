import { take, type Pigeon, type components } from '@pigeon/sdk'
import { bar } from '#live-line.ts'
import { number, type Output } from '#output.ts'
import { readUntil } from '#patiently.ts'

export type CampaignMetrics = components['schemas']['CampaignMetrics']

const POLL_MS = 500

/** Shows how far a campaign is until it is over (sent, or cancelled with nothing in flight), or the time is, or `isEnough`. */
export async function watchCampaign(
  pigeon: Pigeon,
  out: Output,
  id: string,
  withinMs: number = Number.POSITIVE_INFINITY,
  isEnough: (metrics: CampaignMetrics) => boolean = () => false,
): Promise<CampaignMetrics> {
  const line = out.progress()
  let before: Reading | undefined
  const metrics = await readUntil(
    async () => {
      const now = await take(pigeon.GET('/v1/campaigns/{id}/metrics', { params: { path: { id } } }))
      const reading = { final: finalOf(now), atMs: performance.now() }
      line.update(progressText(now, rateOf(before, reading), out.hasBars))
      before ??= reading
      if (reading.atMs - before.atMs > RATE_OVER_MS) before = reading
      return now
    },
    (now) => isOver(now) || isEnough(now),
    { everyMs: POLL_MS, withinMs },
  )
  line.end(progressText(metrics, undefined, out.hasBars))
  return metrics
}

export function isOver(metrics: CampaignMetrics): boolean {
  return metrics.status === 'sent' || (metrics.status === 'cancelled' && metrics.in_flight === 0)
}

interface Reading {
  readonly final: number
  readonly atMs: number
}

const RATE_OVER_MS = 3_000

function rateOf(before: Reading | undefined, now: Reading): number | undefined {
  if (before === undefined || now.atMs <= before.atMs) return undefined
  return ((now.final - before.final) * 1000) / (now.atMs - before.atMs)
}

function finalOf(metrics: CampaignMetrics): number {
  return metrics.accepted - metrics.in_flight
}

const SHOWN = ['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled', 'deferred'] as const

/** `sending ████░░ 812/1,000 · delivered 790 · bounced 10 · 512/s` */
export function progressText(metrics: CampaignMetrics, rate: number | undefined, hasBar: boolean): string {
  const final = finalOf(metrics)
  const share = metrics.accepted === 0 ? 0 : final / metrics.accepted
  const counts = SHOWN.filter((state) => metrics.states[state] > 0).map(
    (state) => `${state} ${number(metrics.states[state])}`,
  )
  const head = [
    metrics.status,
    ...(hasBar ? [bar(share)] : []),
    `${number(final)}/${number(metrics.accepted)}`,
  ]
  const speed = `${number(Math.round(rate ?? metrics.messages_per_second))}/s`
  return [head.join(' '), ...counts, speed].join(' · ')
}
