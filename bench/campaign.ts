import type { BenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { take } from '@pigeon/sdk'
import { createCampaign, importContacts, type Customer } from './customer.ts'
import { say, until } from './measure.ts'
import { newsletter } from './newsletter.ts'

const CAMPAIGN_MS = 1_800_000
const POLL_MS = 50

export async function startCampaign({ pigeon }: Customer, id: string): Promise<void> {
  await take(pigeon.POST('/v1/campaigns/{id}/send', { params: { path: { id } } }))
}

/** Sent before the clock starts, as the raw client composes some: code that just started runs slower. */
export const WARM_UP_MESSAGES = 2_000

export async function warmUp(
  platform: BenchPlatform,
  customer: Customer,
  domains: readonly string[],
  size: number,
): Promise<void> {
  say(`Warming up with ${WARM_UP_MESSAGES} messages ...`)
  const { listId } = await importContacts(customer, WARM_UP_MESSAGES, domains)
  const id = await createCampaign(customer, listId, newsletter(size))
  await startCampaign(customer, id)
  await untilSent(platform, id, () => 0)
  await untilInHistory(platform, id, WARM_UP_MESSAGES)
}

/** Until every message is final, as the rows themselves say. */
export async function untilSent(platform: BenchPlatform, id: string, seconds: () => number): Promise<void> {
  let saidAt = 0
  await until('campaign', POLL_MS, CAMPAIGN_MS, async () => {
    const [row] = await platform.query<{ done: boolean; final: string }>(
      `select c.completed_at is not null as done,
              (select coalesce(sum(count), 0) from campaign_tallies t where t.campaign_id = c.id) as final
         from campaigns c where c.id = $1`,
      [id],
    )
    if (seconds() - saidAt > 2) {
      saidAt = seconds()
      say(`  ${row?.final} final, ${saidAt.toFixed(0)} s`)
    }
    return row?.done === true ? true : undefined
  })
  const [open] = await platform.query<{ count: string }>(
    `select count(*) from messages where campaign_id = $1 and state in ('queued', 'deferred')`,
    [id],
  )
  if (Number(open?.count) !== 0) throw new Error(`${open?.count} messages are not final.`)
}

/** Until the history has a final event for every message. */
export async function untilInHistory(platform: BenchPlatform, id: string, messages: number): Promise<number> {
  return until('history', POLL_MS, CAMPAIGN_MS, async () => {
    const [row] = await platform.history.query<{ found: number }>(
      `select uniqExact(message_id) as found from email_events
        where campaign_id = {id:UUID} and event_type in ('delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled')`,
      { id },
    )
    return row !== undefined && row.found >= messages ? row.found : undefined
  })
}
