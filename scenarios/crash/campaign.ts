import assert from 'node:assert/strict'
import { act, ask, campaignEnd, createCampaign, metricsOf } from '@pigeon/scenarios/account.ts'
import { proveAccounted, proveReconciled, received } from '@pigeon/scenarios/proof.ts'
import { faultsIn, killedPoints, type KilledPoint } from './explain.ts'
import { INSIDE_POINTS, killDispatchAtStart, START_POINTS } from './inside-points.ts'
import type { Kill, Point } from './kill.ts'
import { seeded, shuffled } from './seeded.ts'
import type { Stage } from './stage.ts'
import { WIRE_POINTS } from './wire-points.ts'

const POINTS: readonly Point[] = [...WIRE_POINTS, ...INSIDE_POINTS]
export const POINT_NAMES: readonly string[] = [...START_POINTS, ...POINTS.map((point) => point.name)]

/**
 * One campaign in which processes are killed at these points, in an order and at messages that the seed decides. Proves
 * afterwards that nobody is missing, that every second copy is one that a kill explains, and that all books agree.
 */
export async function campaignWithKills(
  stage: Stage,
  seed: number,
  points: ReadonlySet<string>,
  say: (text: string) => void,
): Promise<KilledPoint[]> {
  const { account, sites, listId, contacts } = stage
  const id = await createCampaign(account, { listId, name: `Seed ${seed}` })
  for (const { gate } of sites) gate.allow(0)
  const kills = await killDispatchAtStart(
    stage,
    points,
    () => act(account, id, 'send'),
    (choice) => seeded(seed, choice),
  )
  say(`${kills.length} kills at the start`)
  try {
    const chosen = shuffled(
      seed,
      POINTS.filter((point) => points.has(point.name)),
    )
    for (const [n, point] of chosen.entries()) {
      const site = sites[n % sites.length]
      if (site === undefined) throw new Error('There is no site.')
      const startedAt = performance.now()
      try {
        kills.push(await point.kill(stage, site, (choice) => seeded(seed, `${point.name} ${choice}`)))
      } catch (cause) {
        throw new Error(`Again: npm run crash -- --seed ${seed} --point ${point.name}`, { cause })
      }
      say(`${point.name} (${Math.round(performance.now() - startedAt)} ms)`)
    }
    const { in_flight: left } = await ask('an answer', () => metricsOf(account, id))
    assert.ok(left > 0, 'the campaign had ended before the last kill')
    say(`${left} of ${contacts} were left`)
  } finally {
    for (const { gate } of sites) gate.allow(Infinity)
  }
  await campaignEnd(account, id)
  return proveExplained(stage, id, kills)
}

/** The oracle: nothing lost, and each copy too many belongs to a kill that left its message in doubt. */
async function proveExplained(
  stage: Stage,
  campaignId: string,
  kills: readonly Kill[],
): Promise<KilledPoint[]> {
  const { account, contacts, session } = stage
  const { metrics } = await proveAccounted(account, campaignId, contacts)
  assert.equal(metrics.status, 'sent')
  assert.equal(metrics.states.delivered, contacts, 'these receivers accept everything')

  const arrived = await received(account, campaignId)
  const rows = await session.query('select id, recipient from messages where campaign_id = $1', [campaignId])
  const copies = new Map(rows.map((row) => [String(row.id), arrived.get(String(row.recipient)) ?? 0]))
  assert.deepEqual(faultsIn(copies, kills), [])
  await proveReconciled(account)
  return killedPoints(copies, kills)
}
