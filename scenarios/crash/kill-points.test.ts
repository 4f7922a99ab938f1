import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { campaignWithKills, POINT_NAMES } from './campaign.ts'
import type { KilledPoint } from './explain.ts'
import { openStage, type Stage } from './stage.ts'

/** Seeds and points: `npm run crash` sets them. */
const SEEDS = (process.env.PIGEON_CRASH_SEEDS ?? '1').split(',').map(Number)
const POINTS = new Set(process.env.PIGEON_CRASH_POINT?.split(',') ?? POINT_NAMES)
const unknown = [...POINTS].filter((name) => !POINT_NAMES.includes(name))
if (unknown.length > 0)
  throw new Error(`No point is called ${unknown.join(', ')}. Known: ${POINT_NAMES.join(', ')}.`)
/** Enough for the first steps of some connections at each site. */
const CONTACTS_A_POINT = 112

/** Seeds at the same time, each on a platform of its own: much of a seed is waiting for who was killed to come back. */
const STAGES = Math.min(2, SEEDS.length)

const cleanUps: (() => Promise<void>)[] = []
const killed: KilledPoint[] = []
const free: Stage[] = []

before(async () => {
  const scope = { after: (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp) }
  const input = { contacts: CONTACTS_A_POINT * (POINTS.size + 1), points: POINTS.size }
  const opened = await Promise.all(Array.from({ length: STAGES }, () => openStage(scope, input)))
  free.push(...opened)
})
after(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

describe('seeds', { concurrency: STAGES }, () => {
  for (const seed of SEEDS)
    test(`seed ${seed}: a kill at each of ${POINTS.size} points loses nothing, and doubles only what was in doubt`, async (t) => {
      t.diagnostic(`again: npm run crash -- --seed ${seed}`)
      const stage = free.pop()
      if (stage === undefined) throw new Error('More seeds run than there are stages.')
      try {
        killed.push(...(await campaignWithKills(stage, seed, POINTS, (text) => t.diagnostic(text))))
      } finally {
        free.push(stage)
      }
    })
})

test('no kill made more duplicates than the process had connections', (t) => {
  for (const name of POINTS) {
    const own = killed.filter((each) => each.point === name)
    const most = Math.max(0, ...own.map((each) => each.duplicates))
    const duplicates = own.reduce((sum, each) => sum + each.duplicates, 0)
    const open = own.reduce((sum, each) => sum + each.open, 0)
    t.diagnostic(
      `${name}: ${own.length} kills, ${open} open connections, ${duplicates} duplicates, at most ${most}`,
    )
  }
  assert.ok(killed.length > 0)
})
