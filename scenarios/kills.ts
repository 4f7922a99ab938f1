import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { runPlatform, type Role } from '@pigeon/server/test/platform.ts'
import { act, campaignEnd, contactsCsv, createCampaign, listOf, openAccount } from './account.ts'
import { killAtMoments, seededMoments } from './moments.ts'
import { proveAccounted, proveReconciled } from './proof.ts'

const CONTACTS = 5_000

export interface Kills {
  readonly role: Role
  /** At so many seeded moments of the campaign. */
  readonly times: number
  /** Once more, at the very beginning: while messages are made of contacts. */
  readonly isKilledFirst?: boolean
  readonly settings?: Readonly<Record<string, string>>
}

/** Kills the process of a role again and again in the middle of a campaign; nothing may be lost, and nothing doubled. */
export async function provesThatKillsDoNothing(t: TestContext, kills: Kills): Promise<void> {
  const platform = await runPlatform(t, kills.settings)
  const account = await openAccount(platform)
  const campaignId = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS)),
  })
  await act(account, campaignId, 'send')
  if (kills.isKilledFirst === true) await platform.kill(kills.role)

  const campaign = { account, id: campaignId, contacts: CONTACTS }
  await killAtMoments(t, campaign, seededMoments(kills.role, kills.times), () => platform.kill(kills.role))
  await campaignEnd(account, campaignId)

  const { metrics, duplicates } = await proveAccounted(account, campaignId, CONTACTS)
  assert.equal(metrics.status, 'sent')
  assert.equal(duplicates, 0)
  await proveReconciled(account)
}
