import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DELIVER_PROCESSES,
  DELIVERY_CONNECTIONS,
  runPlatform,
  type RunningPlatform,
} from '@pigeon/server/test/platform.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount, untilFinal } from './account.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000
const CHILDREN_END_MS = 60_000

test('a platform that is stopped in the middle of a campaign goes on with it, and doubles nothing', async (t) => {
  const platform = await runPlatform(t)
  const account = await openAccount(platform)
  const listId = await listOf(account, 'All', contactsCsv(CONTACTS))
  const campaignId = await createCampaign(account, { listId })
  await act(account, campaignId, 'send')
  await untilFinal(account, campaignId, CONTACTS * 0.1)
  await platform.stop()
  assert.deepEqual(await platform.leftovers(), [])

  await platform.start()
  assert.equal((await campaignEnd(account, campaignId)).status, 'sent')
  assert.equal((await proveAccounted(account, campaignId, CONTACTS)).duplicates, 0)
  await proveReconciled(account)

  // The same with SIGKILL of the supervisor: its children end themselves, and PostgreSQL stays for the next start.
  const killedId = await createCampaign(account, { listId, name: 'Killed' })
  await act(account, killedId, 'send')
  await untilFinal(account, killedId, CONTACTS * 0.1)
  await platform.killSupervisor()
  await onlyPostgresRemains(platform)
  await platform.start()
  assert.equal((await campaignEnd(account, killedId)).status, 'sent')
  const { duplicates } = await proveAccounted(account, killedId, CONTACTS)
  t.diagnostic(`${duplicates} duplicates after SIGKILL of the supervisor`)
  assert.ok(duplicates <= DELIVERY_CONNECTIONS * DELIVER_PROCESSES, `${duplicates} duplicates`)
  await proveReconciled(account)
  await platform.stop()
  assert.deepEqual(await platform.leftovers(), [])
})

async function onlyPostgresRemains(platform: RunningPlatform): Promise<void> {
  await waitFor(
    'the children of the killed supervisor to end',
    async () => (await platform.leftovers()).every((command) => command.includes('postgres')),
    CHILDREN_END_MS,
  )
}
