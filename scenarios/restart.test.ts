import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DELIVER_PROCESSES,
  DELIVERY_CONNECTIONS,
  runPlatform,
  type RunningPlatform,
} from '@pigeon/server/test/platform.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import {
  act,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  openAccount,
  untilFinal,
  type Account,
} from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000
const CHILDREN_END_MS = 60_000
/** Of both processes: at most so many final dots are without a reply. */
const ON_THE_WIRE = DELIVER_PROCESSES * DELIVERY_CONNECTIONS

test('a platform that ends in the middle of a campaign goes on with it when it starts again', async (t) => {
  const platform = await runPlatform(t)
  const account = await openAccount(platform)
  const listId = await listOf(account, 'All', contactsCsv(CONTACTS))
  const send = async (name: string): Promise<string> => {
    const id = await createCampaign(account, { listId, name })
    await act(account, id, 'send')
    return id
  }

  await t.test('stopped, it leaves nothing behind and doubles nothing', async () => {
    const id = await send('Stopped')
    await untilFinal(account, id, CONTACTS * 0.1)
    await platform.stop()
    assert.deepEqual(await platform.leftovers(), [])
    await platform.start()
    assert.equal(await duplicatesOf(account, id), 0)
  })

  await t.test('with its supervisor killed its children end themselves, and PostgreSQL stays', async (t) => {
    const id = await send('Killed')
    await untilFinal(account, id, CONTACTS * 0.1)
    await platform.killSupervisor()
    await onlyPostgresRemains(platform)
    await platform.start()
    const duplicates = await duplicatesOf(account, id)
    t.diagnostic(`${duplicates} duplicates after SIGKILL of the supervisor`)
    assert.ok(duplicates <= ON_THE_WIRE, `${duplicates} duplicates`)
  })

  await t.test('with every process killed at once it doubles at most what was on the wire', async (t) => {
    const id = await send('All killed')
    const moments = seededMoments('everything', 2)
    await killAtMoments(t, { account, id, contacts: CONTACTS }, moments, async () => {
      await platform.killEverything()
      await platform.start()
    })
    const duplicates = await duplicatesOf(account, id)
    t.diagnostic(`${duplicates} duplicates after ${moments.length} kills of everything`)
    assert.ok(duplicates <= moments.length * ON_THE_WIRE, `${duplicates} duplicates`)
  })
  await platform.stop()
  assert.deepEqual(await platform.leftovers(), [])
})

/** Waits for the end of the campaign, and proves that everybody is accounted for. */
async function duplicatesOf(account: Account, id: string): Promise<number> {
  assert.equal((await campaignEnd(account, id)).status, 'sent')
  const { duplicates } = await proveAccounted(account, id, CONTACTS)
  await proveReconciled(account)
  return duplicates
}

async function onlyPostgresRemains(platform: RunningPlatform): Promise<void> {
  await waitFor(
    'the children of the killed supervisor to end',
    async () => (await platform.leftovers()).every((command) => command.includes('postgres')),
    CHILDREN_END_MS,
  )
}
