import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLog } from '#platform/log.ts'
import { analyticsConformance, KEEP, countsOf, eventRow } from './analytics.conformance.ts'
import { migrateAnalytics } from './migrate-analytics.ts'
import { openAnalytics } from './open-analytics.ts'
import { startEmbeddedAnalytics } from './start-analytics.ts'

const log = createLog({ level: 'silent', role: 'test' })
const root = mkdtempSync(join(tmpdir(), 'pigeon-history-'))
const memoryMb = 512
const engine = await startEmbeddedAnalytics({ dataDir: join(root, 'main'), memoryMb, log })
const history = openAnalytics(engine)
after(async () => {
  await history.close()
  await engine.stop()
  rmSync(root, { recursive: true })
})

await migrateAnalytics({ analytics: history }, KEEP)
analyticsConformance('embedded', history)

async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}`)
    await sleep(20)
  }
}

test('a kill of the engine loses no acknowledged batch, doubles none, and it runs again by itself', async () => {
  const analytics = openAnalytics(engine)
  const [tenant, killed] = [randomUUID(), engine.pid()]
  assert.ok(killed !== undefined)
  let acknowledged = 0
  const write = async (writer: number): Promise<void> => {
    for (let batch = 0; batch < 12; batch++) {
      const rows = Array.from({ length: 300 }, (_, at) => eventRow(tenant, at))
      await analytics.insert('email_events', rows, { token: `${tenant}/${writer}/${batch}` })
      acknowledged += rows.length
    }
  }
  const writers = Promise.all([write(0), write(1)])
  await until('some batches are in', () => acknowledged >= 1200)
  process.kill(killed, 'SIGKILL')
  await writers
  assert.notEqual(engine.pid(), killed)
  assert.equal(acknowledged, 2 * 12 * 300)
  assert.deepEqual(await countsOf(analytics, tenant), [acknowledged, acknowledged, acknowledged])
  await analytics.close()
})

test('a batch that was in before a restart counts once when it comes again', async () => {
  const dataDir = join(root, 'restart')
  const tenant = randomUUID()
  const rows = Array.from({ length: 100 }, (_, at) => eventRow(tenant, at))
  for (let run = 0; run < 2; run++) {
    const restarted = await startEmbeddedAnalytics({ dataDir, memoryMb, log })
    const analytics = openAnalytics(restarted)
    await migrateAnalytics({ analytics }, KEEP)
    await analytics.insert('email_events', rows, { token: 'events/0/0-100' })
    assert.deepEqual(await countsOf(analytics, tenant), [100, 100, 100])
    await analytics.close()
    await restarted.stop()
    assert.equal(restarted.pid(), undefined)
  }
})

test('a second engine on the same directory waits for the first, then says who has it', async () => {
  const start = startEmbeddedAnalytics({ dataDir: join(root, 'main'), memoryMb, log, lockWaitMs: 300 })
  await assert.rejects(start, {
    kind: 'unavailable',
    code: 'analytics.start_failed',
    message: new RegExp(`in use by process ${engine.pid()}`),
  })
})

test('the engine ends when its parent was killed, and the next one takes over', async () => {
  const dataDir = join(root, 'orphan')
  const server = fileURLToPath(new URL('./chdb-server.ts', import.meta.url))
  const argument = JSON.stringify({
    directory: join(dataDir, 'history'),
    socketPath: join(dataDir, 'history', 'engine.sock'),
    memoryMb,
    lockWaitMs: 0,
  })
  const script = `const child = require('node:child_process').spawn(process.execPath, ${JSON.stringify([server, argument])}, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', () => console.log(child.pid)); setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (line) => resolve(Number(String(line)))),
  )
  parent.kill('SIGKILL')
  // It starts: so the directory is free, and the orphan has ended.
  const next = await startEmbeddedAnalytics({ dataDir, memoryMb, log })
  assert.notEqual(next.pid(), pid)
  await next.stop()
})

test('while nobody answers, a question waits no longer than its deadline', async () => {
  const analytics = openAnalytics({ socketPath: join(root, 'nobody.sock') })
  await assert.rejects(analytics.ping(), { kind: 'unavailable', code: 'analytics.unavailable' })
  await assert.rejects(analytics.query('select 1', {}, { timeoutMs: 300 }), { kind: 'unavailable' })
  await assert.rejects(analytics.command('select 1'), { code: 'analytics.unavailable' })
  await analytics.close()
})

/** A request as some other client might send it. */
async function post(
  path: string,
  body: string | Buffer,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: string; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: engine.socketPath, path, method: 'POST', headers, agent: false },
      (response) => {
        text(response).then(
          (body) =>
            resolve({
              status: response.statusCode ?? 0,
              code: String(response.headers['x-clickhouse-exception-code'] ?? ''),
              body,
            }),
          reject,
        )
      },
    )
    sent.once('error', reject).end(body)
  })
}

test('the protocol: text in the body, in the address, or both; formats; refusals with their numbers', async () => {
  assert.deepEqual(await post('/', 'select 1'), { status: 200, code: '', body: '1\n' })
  assert.equal((await post('/?query=select+2+format+CSV', '')).body, '2\n')
  assert.equal((await post('/?default_format=JSONEachRow&query=select', '3 as x')).body, '{"x":3}\n')
  const refused: [string, string, string][] = [
    ['/', '', '62'],
    ['/?default_format=%27', 'select 1', '73'],
    ['/?no%27such=1', 'select 1', '115'],
    ['/?no_such_setting=1', 'select 1', '115'],
    ['/', 'set max_memory_usage = 0', '48'],
    ['/', 'select {x:String}', '456'],
  ]
  for (const [path, body, code] of refused) {
    const answer = await post(path, body)
    assert.equal(answer.code, code, `${path} ${body}: ${answer.body}`)
    assert.ok(answer.status >= 400)
  }
  assert.equal((await post('/', Buffer.from('junk'), { 'content-encoding': 'gzip' })).code, '271')
  assert.equal((await post('/', 'select 1', { 'content-encoding': 'rot13' })).code, '89')
})

test('a setting of one query does not stay in the session', async () => {
  const both = "select toString(getSetting('max_threads')) || '/' || toString(getSetting('max_rows_to_read'))"
  for (let times = 0; times < 8; times++) {
    assert.equal((await post('/?max_threads=1&max_rows_to_read=77', both)).body, '1/77\n')
    assert.equal((await post('/?max_rows_to_read=78', 'select nonsense')).code, '47')
    assert.equal((await post('/', both)).body, '2/0\n')
  }
})
