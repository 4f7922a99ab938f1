import assert from 'node:assert/strict'
import { paginate, take, type components } from '@pigeon/sdk'
import { ask, metricsOf, type Account, type Metrics } from './account.ts'

type Recipient = components['schemas']['CampaignRecipient']

const FINAL = new Set(['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled'])
const PAGE = 500
const WINDTUNNEL_DEADLINE_MS = 10_000

/** What the receivers took of a campaign: address by address, how often. */
export async function received(account: Account, campaignId: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  let before: number | undefined
  do {
    const page = await account.platform.windtunnel.messages({ campaign: campaignId, before, limit: PAGE })
    for (const address of page.data.flatMap((message) => message.rcpt_to))
      counts.set(address, (counts.get(address) ?? 0) + 1)
    before = page.next_before ?? undefined
  } while (before !== undefined)
  return counts
}

export async function recipientsOf(account: Account, campaignId: string): Promise<Recipient[]> {
  const recipients: Recipient[] = []
  const params = { path: { id: campaignId } }
  const pages = paginate((page) =>
    take(account.pigeon.GET('/v1/campaigns/{id}/recipients', { params: { ...params, query: { ...page } } })),
  )
  for await (const recipient of pages) recipients.push(recipient)
  return recipients
}

/**
 * The promise of the product, seen from both ends, for a campaign that has ended: every contact has exactly one message in a
 * final state, what is called delivered was received, what was received is called delivered, and the ledger balances.
 * Returns how many messages the receivers saw more than once: one copy too many each.
 */
export async function proveAccounted(
  account: Account,
  campaignId: string,
  contacts: number,
): Promise<{ metrics: Metrics; duplicates: number }> {
  const metrics = await metricsOf(account, campaignId)
  assert.equal(metrics.accepted, contacts)
  assert.equal(metrics.in_flight, 0)
  assert.equal(metrics.balanced, true)

  const recipients = await recipientsOf(account, campaignId)
  assert.equal(recipients.length, contacts)
  assert.equal(
    new Set(recipients.map((each) => each.contact_id)).size,
    contacts,
    'a contact has more than one message',
  )
  assert.deepEqual(
    recipients.filter((each) => !FINAL.has(each.state)),
    [],
  )
  for (const state of ['delivered', 'bounced', 'failed', 'suppressed', 'cancelled'] as const)
    assert.equal(recipients.filter((each) => each.state === state).length, metrics.states[state], state)

  const delivered = new Set(
    recipients.filter((each) => each.state === 'delivered').map((each) => each.recipient),
  )
  const arrived = await received(account, campaignId)
  assert.deepEqual(
    [...delivered].filter((address) => !arrived.has(address)),
    [],
    'called delivered, never received',
  )
  assert.deepEqual(
    [...arrived.keys()].filter((address) => !delivered.has(address)),
    [],
    'received, not called delivered',
  )
  const duplicates = [...arrived.values()].reduce((sum, count) => sum + count - 1, 0)
  const stats = await account.platform.windtunnel.stats(campaignId)
  assert.deepEqual([stats.distinct, stats.duplicates], [delivered.size, duplicates])
  return { metrics, duplicates }
}

/** `pigeon reconcile` recounts rows, attempts and history, and finds nothing. */
export async function proveReconciled(account: Account): Promise<void> {
  const { code, stdout, stderr } = await account.platform.command(['reconcile', '--json'])
  assert.equal(code, 0, `reconcile: ${stdout}${stderr}`)
}

/** Waits until the windtunnel has received this much of a campaign. */
export async function untilReceived(account: Account, campaignId: string, count: number): Promise<number> {
  return ask(
    `${count} messages to arrive`,
    async () => {
      const { received: now } = await account.platform.windtunnel.stats(campaignId)
      return now >= count ? now : undefined
    },
    WINDTUNNEL_DEADLINE_MS * 6,
  )
}
