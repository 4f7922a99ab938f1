import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DELIVERY_CONNECTIONS, runPlatform, type Role } from '@pigeon/server/test/platform.ts'
import {
  act,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  openAccount,
  type Account,
} from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000
/** Small, so that messages are still made of contacts when somebody is killed. */
const FANOUT_CHUNK = '300'

interface Room {
  readonly account: Account
  readonly listId: string
}

interface Kills {
  /** At so many seeded moments of the campaign. */
  readonly times: number
  /** Once more, at the very beginning: while messages are made of contacts. */
  readonly isKilledFirst?: boolean
}

test('processes that are killed in the middle of a campaign lose nothing', async (t) => {
  const account = await openAccount(await runPlatform(t, { PIGEON_FANOUT_CHUNK: FANOUT_CHUNK }))
  const room = { account, listId: await listOf(account, 'All', contactsCsv(CONTACTS)) }

  await t.test('SIGKILL of deliver doubles at most what its connections held', (t) => killsOfDeliver(t, room))
  await t.test('SIGKILL of dispatch doubles nothing', (t) =>
    killsDoNothing(t, room, 'dispatch', { times: 3, isKilledFirst: true }),
  )
  await t.test('SIGKILL of record doubles nothing', (t) => killsDoNothing(t, room, 'record', { times: 4 }))
  await t.test('SIGKILL of PostgreSQL doubles nothing', (t) =>
    killsDoNothing(t, room, 'postgres', { times: 3 }),
  )
})

async function killsOfDeliver(t: TestContext, { account, listId }: Room): Promise<void> {
  const { platform } = account
  const id = await createCampaign(account, { listId, name: 'deliver' })
  await act(account, id, 'send')
  const moments = seededMoments('deliver', 3)
  await killAtMoments(t, { account, id, contacts: CONTACTS }, moments, (nth) =>
    platform.kill('deliver', nth % 2),
  )
  // Its successor is killed as well, while it takes over.
  await platform.kill('deliver', (moments.length - 1) % 2)
  const duplicates = await duplicatesOf(account, id)
  const kills = moments.length + 1
  t.diagnostic(`${duplicates} duplicates after ${kills} kills`)
  assert.ok(duplicates <= kills * DELIVERY_CONNECTIONS, `${duplicates} duplicates after ${kills} kills`)
}

async function killsDoNothing(
  t: TestContext,
  { account, listId }: Room,
  role: Role,
  kills: Kills,
): Promise<void> {
  const id = await createCampaign(account, { listId, name: role })
  await act(account, id, 'send')
  if (kills.isKilledFirst === true) await account.platform.kill(role)
  await killAtMoments(t, { account, id, contacts: CONTACTS }, seededMoments(role, kills.times), () =>
    account.platform.kill(role),
  )
  assert.equal(await duplicatesOf(account, id), 0)
}

/** Waits for the end of the campaign, and proves that everybody is accounted for. */
async function duplicatesOf(account: Account, id: string): Promise<number> {
  await campaignEnd(account, id)
  const { metrics, duplicates } = await proveAccounted(account, id, CONTACTS)
  assert.equal(metrics.status, 'sent')
  await proveReconciled(account)
  return duplicates
}
