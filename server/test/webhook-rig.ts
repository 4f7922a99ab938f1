import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Agent, request } from 'undici'
import type { PoolConfig } from 'pg'
import { Client } from 'pg'

/** A receiver in a process of its own that answers 204 to everything and counts. */
export interface CountingReceiver {
  readonly url: string
  count(): Promise<number>
  stop(): Promise<void>
}

export async function startCountingReceiver(): Promise<CountingReceiver> {
  const child = fork(fileURLToPath(new URL('./counting-receiver-process.ts', import.meta.url)), [], {
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const port = await ask(child)
  return {
    url: `http://127.0.0.1:${port}/pigeon`,
    count: () => {
      child.send('count')
      return ask(child)
    },
    stop: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}

async function ask(child: ChildProcess): Promise<number> {
  const [said]: unknown[] = await once(child, 'message')
  return Number(said)
}

/** Posts the same body so often as fast as undici can, so many at a time. Returns seconds. */
export async function postRaw(url: string, posts: number, concurrency: number): Promise<number> {
  const dispatcher = new Agent({ pipelining: 1 })
  const body = JSON.stringify({ event: 'email.delivered', data: { email: 'x'.repeat(400) } })
  const startedAt = performance.now()
  let left = posts
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      const headers = { 'content-type': 'application/json' }
      const answer = await request(url, { method: 'POST', body, headers, dispatcher })
      await answer.body.dump()
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  await dispatcher.close()
  return (performance.now() - startedAt) / 1000
}

/** Events of as many messages for the webhook, in the topic `webhooks`, as record appends them. */
export async function appendEvents(connection: PoolConfig, tenantId: string, events: number): Promise<void> {
  const client = new Client(connection)
  await client.connect()
  try {
    // Through the outbox, which dispatch carries to the stream: 500 events a record.
    await client.query(
      `insert into outbox (tenant_id, topic, partition, payload, created_at)
       select $1::uuid, 'webhooks', n % 4, jsonb_build_object('events', (
                select jsonb_agg(jsonb_build_object('tenantId', $1::text, 'event', 'email.delivered', 'at', '2026-11-22T09:30:00.000Z',
                         'subjectId', new_id(), 'data', jsonb_build_object('message_id', new_id(), 'email', 'person@example.com',
                         'provider', 'google', 'code', 250, 'reply', repeat('x', 300))))
                  from generate_series(1, 500))), now()
         from generate_series(1, $2::int) n`,
      [tenantId, Math.ceil(events / 500)],
    )
  } finally {
    await client.end()
  }
}
