import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { smallDisk } from '@pigeon/server/test/peers/small-disk.ts'
import {
  act,
  ask,
  metricsOf,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  openAccount,
  untilFinal,
} from './account.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000
const DISK_MB = 700
/** How long no file can grow. */
const FULL_MS = 8_000
const REFILL_MS = 100
/** Processes, PostgreSQL among them, that may end and be started again in that time: a loop would be many more. */
const MAX_RESTARTS = 30
/** Open connections of the processes that deliver: so many final dots may be without a recorded outcome. */
const MAX_DUPLICATES = 120

test('a disk that is full in the middle of a campaign is said in words and loses nothing; with room it goes on', async (t) => {
  const disk = await smallDisk(DISK_MB)
  const cleanUps: (() => Promise<void>)[] = []
  t.after(async () => {
    await disk.makeRoom()
    try {
      for (const cleanUp of cleanUps) await cleanUp()
    } finally {
      await disk.remove()
    }
  })
  const scope = { after: (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp) }
  const platform = await runPlatform(scope, { PIGEON_DATA_DIR: `${disk.path}/data` })
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')
  await untilFinal(account, campaignId, CONTACTS / 10)

  const before = (await platform.logs()).length
  for (const end = performance.now() + FULL_MS; performance.now() < end;) {
    await disk.fill()
    await delay(REFILL_MS)
  }
  const said = (await platform.logs()).slice(before)
  await disk.makeRoom()
  const { in_flight: held } = await ask('an answer', () => metricsOf(account, campaignId))
  assert.ok(held > 0, 'the campaign had ended before the disk was full')
  assert.match(said, /ENOSPC|No space left on device|disk is full/i)
  const restarts = said.match(/is started again|starting it again/g)?.length ?? 0
  t.diagnostic(`${restarts} restarts while the disk was full, ${held} messages waited`)
  assert.ok(restarts <= MAX_RESTARTS, `${restarts} restarts`)

  await campaignEnd(account, campaignId)
  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  assert.ok(duplicates <= MAX_DUPLICATES, `${duplicates} duplicates`)
  t.diagnostic(`${duplicates} duplicates`)
  await proveReconciled(account)
})
