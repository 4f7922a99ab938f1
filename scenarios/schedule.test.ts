import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  type Account,
  type Campaign,
} from './account.ts'
import { proveAccounted } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const CONTACTS = 50
/** Neither the time zone of the tenant nor a whole number of hours from UTC. */
const TIME_ZONE = 'Asia/Kathmandu'
const AHEAD_MS = 5_000

test('a campaign is sent at its time on the clocks of its zone, and one whose time was missed asks', async () => {
  const account = await sharedAccount()
  const listId = await listOf(account, 'Scheduled', contactsCsv(CONTACTS, ['plain.example'], 'scheduled'))

  const id = await createCampaign(account, { listId })
  const dueMs = Math.ceil(Date.now() / 1000) * 1000 + AHEAD_MS
  const scheduled = await schedule(account, id, wallClock(dueMs))
  assert.equal(scheduled.status, 'scheduled')
  assert.equal(Date.parse(scheduled.scheduled_at ?? ''), dueMs)
  const ended = await campaignEnd(account, id)
  assert.equal(ended.status, 'sent')
  assert.ok(Date.parse(ended.started_at ?? '') >= dueMs, 'not before its time')
  await proveAccounted(account, id, CONTACTS)

  const missedId = await createCampaign(account, { listId, name: 'Missed' })
  await schedule(account, missedId, wallClock(Date.now() + 3_600_000))
  // As if the platform had been down when it was due: longer ago than the setting lets pass.
  await account.platform.query(
    `update campaigns set scheduled_at = now() - interval '61 minutes' where id = $1`,
    [missedId],
  )
  const missed = await ask('the miss to be noticed', async () => {
    const found = await read(account, missedId)
    return found.missed_at === null ? undefined : found
  })
  assert.equal(missed.status, 'scheduled')
  assert.equal(missed.accepted, 0)

  await act(account, missedId, 'send')
  assert.equal((await campaignEnd(account, missedId)).status, 'sent')
  await proveAccounted(account, missedId, CONTACTS)
})

/** What a clock on the wall shows there. */
function wallClock(instantMs: number): string {
  const text = new Date(instantMs).toLocaleString('sv-SE', { timeZone: TIME_ZONE })
  return text.replace(' ', 'T')
}

async function schedule(account: Account, id: string, sendAt: string): Promise<Campaign> {
  const body = { send_at: sendAt, time_zone: TIME_ZONE }
  return take(account.pigeon.POST('/v1/campaigns/{id}/schedule', { params: { path: { id } }, body }))
}

async function read(account: Account, id: string): Promise<Campaign> {
  return take(account.pigeon.GET('/v1/campaigns/{id}', { params: { path: { id } } }))
}
