import { take } from '@pigeon/sdk'
import { startBenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { cpuSince, measureTree } from '@pigeon/server/test/process-meter.ts'
import { appendEvents, postRaw, startCountingReceiver } from '@pigeon/server/test/webhook-rig.ts'
import { openAccount } from './customer.ts'
import { mapValues, ratio, round, say, until } from './measure.ts'

const POLL_MS = 100
const DEADLINE_MS = 180_000
/** As one receiver is asked at the same time. */
const CONCURRENCY = 32

/** Events in the stream become requests at one receiver on this machine, each stored with its attempt; beside undici alone. */
export async function benchWebhooks({ messages }: { readonly messages: number }): Promise<object> {
  const events = Math.ceil(messages / 500) * 500
  await using stack = new AsyncDisposableStack()
  const receiver = await startCountingReceiver()
  stack.defer(receiver.stop)
  say('Posting raw ...')
  const raw = events / (await postRaw(receiver.url, events, CONCURRENCY))
  say('Starting the platform ...')
  const platform = await startBenchPlatform({ settings: { PIGEON_ALLOW_PRIVATE_WEBHOOKS: 'true' } })
  stack.defer(platform.stop)
  const { pigeon } = await openAccount(platform.url)
  const body = { url: receiver.url, events: ['email.delivered' as const] }
  const { id } = await take(pigeon.POST('/v1/webhooks', { body }))
  const [row] = await platform.query<{ tenant_id: string }>('select tenant_id from webhooks where id = $1', [
    id,
  ])
  const from = await receiver.count()
  const before = measureTree(platform.pid, 'supervisor')
  const startedAt = performance.now()
  await appendEvents(platform.postgres, row?.tenant_id ?? '', events)
  say(`${events} events wait ...`)
  await until('everything to arrive', POLL_MS, DEADLINE_MS, async () =>
    (await receiver.count()) - from >= events ? true : undefined,
  )
  const seconds = (performance.now() - startedAt) / 1000
  const used = cpuSince(before, measureTree(platform.pid, 'supervisor'))
  return {
    bench: 'webhooks',
    deliveries: events,
    deliveries_per_second: round(events / seconds),
    seconds: round(seconds, 2),
    raw_posts_per_second: round(raw),
    ratio_to_raw: ratio(events / seconds, raw),
    received_twice: (await receiver.count()) - from - events,
    cpu_seconds_per_1000: mapValues(used, (value) => round((value / events) * 1000, 3)),
  }
}
