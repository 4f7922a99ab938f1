import { take } from '@pigeon/sdk'
import { startBenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { cpuSince, measureTree, watchMemory } from '@pigeon/server/test/process-meter.ts'
import { copyRaw } from '@pigeon/server/test/raw-copy.ts'
import { createCampaign, importContacts, openAccount } from './customer.ts'
import { mapValues, mebibytes, round, say, until } from './measure.ts'
import { newsletter } from './newsletter.ts'

const MEMORY_MS = 500
const POLL_MS = 50
const FAN_OUT_MS = 600_000
const SIZE = 10_240

/** A campaign to many contacts with delivery switched off: from the call until every contact has a message and a delivery. */
export async function benchFanOut({ contacts }: { readonly contacts: number }): Promise<object> {
  say('Starting the platform without delivery ...')
  const platform = await startBenchPlatform({ without: ['deliver'] })
  try {
    const durability = await platform.durability()
    say(`PostgreSQL says: ${JSON.stringify(durability)}`)
    const customer = await openAccount(platform.url)
    say(`Importing ${contacts} contacts ...`)
    const { listId } = await importContacts(customer, contacts)
    const id = await createCampaign(customer, listId, newsletter(SIZE))
    // What the import left to do is not the fan-out's.
    await platform.query('vacuum analyze contacts, subscriptions')
    await platform.query('checkpoint')
    const before = measureTree(platform.pid, 'supervisor')
    const memory = watchMemory([platform.pid], MEMORY_MS)
    say('Sending ...')
    const startedAt = performance.now()
    await take(customer.pigeon.POST('/v1/campaigns/{id}/send', { params: { path: { id } } }))
    let saidAt = startedAt
    await until('fan-out', POLL_MS, FAN_OUT_MS, async () => {
      const [row] = await platform.query<{ accepted: string; done: boolean }>(
        'select accepted, fanout_completed_at is not null as done from campaigns where id = $1',
        [id],
      )
      if (performance.now() - saidAt > 2000) {
        saidAt = performance.now()
        say(`  ${row?.accepted} messages`)
      }
      return row?.done === true ? true : undefined
    })
    const seconds = (performance.now() - startedAt) / 1000
    const used = cpuSince(before, measureTree(platform.pid, 'supervisor'))
    const { peakBytes, byName } = memory.stop()
    const [rows] = await platform.query<{ messages: string; deliveries: string }>(
      'select (select count(*) from messages) as messages, (select count(*) from deliveries) as deliveries',
    )
    say('Copying the same rows raw ...')
    const raw = await copyRaw(platform.postgres, ['messages', 'deliveries'])
    const rate = Number(rows?.messages) / seconds
    return {
      bench: 'fanout',
      contacts,
      messages: Number(rows?.messages),
      deliveries: Number(rows?.deliveries),
      messages_per_second: round(rate),
      rows_per_second: round((Number(rows?.messages) + Number(rows?.deliveries)) / seconds),
      seconds: round(seconds, 2),
      raw_copy_rows_per_second: round(raw.rows / raw.seconds),
      ratio_to_raw: round(raw.seconds / seconds, 3),
      cpu_seconds_per_1000: mapValues(used, (value) => round((value / contacts) * 1000, 4)),
      peak_pss_mib: mebibytes(peakBytes),
      peak_pss_mib_by_process: mapValues(byName, mebibytes),
      postgres: durability,
    }
  } finally {
    await platform.stop()
  }
}
