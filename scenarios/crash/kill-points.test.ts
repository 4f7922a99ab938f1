import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
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
const CONTACTS_A_POINT = 64

const cleanUps: (() => Promise<void>)[] = []
const killed: KilledPoint[] = []
let stage: Stage

before(async () => {
  stage = await openStage(
    { after: (cleanUp) => void cleanUps.push(cleanUp) },
    { contacts: CONTACTS_A_POINT * (POINTS.size + 1), points: POINTS.size },
  )
})
after(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

for (const seed of SEEDS)
  test(`seed ${seed}: a kill at each of ${POINTS.size} points loses nothing, and doubles only what was in doubt`, async (t) => {
    t.diagnostic(`again: npm run crash -- --seed ${seed}`)
    killed.push(...(await campaignWithKills(stage, seed, POINTS, (text) => t.diagnostic(text))))
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
