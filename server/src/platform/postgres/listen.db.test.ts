import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { testDatabase } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { listen } from './listen.ts'

test('notifications are heard, and heard again after the connection was cut', async (t) => {
  const { admin, connections } = await testDatabase(t)
  const stop = new AbortController()
  const heard: string[] = []
  let connected = 0
  const listening = listen(connections.engine, {
    channels: ['one', 'Two "2"'],
    onNotify: (channel, payload) => heard.push(`${channel}: ${payload}`),
    onReconnect: () => connected++,
    log: createLog({ level: 'silent', role: 'test' }),
    clock: systemClock,
    signal: stop.signal,
  })
  t.after(async () => {
    stop.abort()
    await listening
  })
  await waitFor('the first connection', () => connected === 1)
  await sql`select pg_notify('one', 'a'), pg_notify('Two "2"', 'b'), pg_notify('three', 'c')`.execute(admin)
  await waitFor('both notifications', () => heard.length === 2)
  const ended = await sql<{ ended: boolean }>`
    select pg_terminate_backend(pid) as ended from pg_stat_activity
     where application_name = 'pigeon listen' and datname = current_database()`.execute(admin)
  assert.equal(ended.rows.length, 1)
  await waitFor('the second connection', () => connected === 2)
  await sql`select pg_notify('one', 'd')`.execute(admin)
  await waitFor('the notification after it', () => heard.includes('one: d'))
  assert.deepEqual(heard, ['one: a', 'Two "2": b', 'one: d'])
})

test('it ends when it is told to, also while it cannot connect', async () => {
  const stop = new AbortController()
  let pauses = 0
  const listening = listen(
    { host: '/nowhere', user: 'nobody', database: 'nothing' },
    {
      channels: ['one'],
      onNotify: () => undefined,
      onReconnect: () => undefined,
      log: createLog({ level: 'silent', role: 'test' }),
      clock: {
        ...systemClock,
        sleep: async () => {
          if (++pauses === 3) stop.abort()
        },
      },
      signal: stop.signal,
    },
  )
  await listening
  assert.equal(pauses, 3)
})
