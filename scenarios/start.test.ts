import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test, type TestContext } from 'node:test'
import { environment } from '@pigeon/server/test/platform.ts'
import { processesThatName } from '@pigeon/server/test/processes.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'

const MAIN = fileURLToPath(new URL('../server/src/main.ts', import.meta.url))
const DEADLINE_MS = 120_000
/** Simulated receivers listen on loopback addresses of their own. */
const EVERY_ADDRESS = '0.0.0.0'

interface Started {
  said(): string
  send(signal: NodeJS.Signals): void
  readonly code: Promise<unknown>
}

/** What `npm start` runs. */
function start(t: TestContext, env: Readonly<Record<string, string>>, cwd: string): Started {
  const child = spawn(process.execPath, [MAIN, 'up'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = once(child, 'close').then(([found]: unknown[]) => found)
  t.after(async () => {
    child.kill('SIGTERM')
    await code
  })
  return { said: () => said, send: (signal) => void child.kill(signal), code }
}

async function place(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-start-'))
  // Root's PostgreSQL runs as another user, who must get in.
  await chmod(directory, 0o755)
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }))
  return { directory, env: await environment(directory) }
}

/** Listens on a port, for TCP and UDP, as another program would. */
async function take(port: number): Promise<() => Promise<void>> {
  const tcp = createServer().listen({ port, host: EVERY_ADDRESS })
  const udp = createSocket('udp4').bind({ port, address: EVERY_ADDRESS })
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')])
  return async () => {
    await Promise.all([
      new Promise((resolve) => tcp.close(resolve)),
      new Promise<void>((resolve) => udp.close(resolve)),
    ])
  }
}

function isOneSentence(said: string): void {
  assert.doesNotMatch(said, /^\s+at .*:\d+:\d+\)?$/m, 'no stack trace')
}

test('a port that is taken is named with its setting, and nothing is left running', async (t) => {
  const { directory, env } = await place(t)
  for (const setting of [
    'PIGEON_HTTP_PORT',
    'PIGEON_WINDTUNNEL_SMTP_PORT',
    'PIGEON_WINDTUNNEL_DNS_PORT',
    'PIGEON_WINDTUNNEL_CONTROL_PORT',
    'PIGEON_INBOUND_PORT',
  ]) {
    const release = await take(Number(env[setting]))
    const refused = start(t, { ...env, PIGEON_LOG_LEVEL: 'error' }, directory)
    assert.equal(await refused.code, 1)
    await release()
    const naming = refused
      .said()
      .split('\n')
      .filter((line) => line.includes(setting))
    assert.equal(naming.length, 1, refused.said())
    assert.ok(naming[0]?.includes(env[setting] ?? ''), 'with the port')
    assert.match(
      refused.said(),
      new RegExp(`(?:another program uses it|in use by another program)\\..* ${setting}\\b`),
    )
    isOneSentence(refused.said())
    assert.deepEqual(await processesThatName(directory), [])
  }
})

test('a second start on a data directory says who has it and what to do, at once; the first goes on', async (t) => {
  const { directory, env } = await place(t)
  const first = start(t, env, directory)
  await waitFor('the first to be ready', () => first.said().includes('Ready in'), DEADLINE_MS)
  const startedAt = performance.now()
  const second = start(t, env, directory)
  assert.equal(await second.code, 1)
  assert.ok(performance.now() - startedAt < 20_000, 'it waits for nobody')
  assert.match(second.said(), /Another Pigeon \(process \d+\) uses this data directory.*PIGEON_DATA_DIR/)
  isOneSentence(second.said())
  assert.equal((await fetch(`${env.PIGEON_PUBLIC_URL}/readyz`)).status, 200)
  // In the middle of the first campaign.
  first.send('SIGTERM')
  assert.equal(await first.code, 0)
  assert.doesNotMatch(first.said(), /cannot be reached|did not end well/)
  assert.deepEqual(await processesThatName(directory), [])
})

test('of two that start at once one serves, and the other says so', async (t) => {
  const { directory, env } = await place(t)
  const both = [start(t, env, directory), start(t, env, directory)]
  const loser = await Promise.race(both.map(async (one, n) => ((await one.code) === 1 ? n : -1)))
  assert.ok(loser >= 0)
  const winner = both[1 - loser]
  assert.match(both[loser]?.said() ?? '', /uses this data directory|Several processes try to start/)
  isOneSentence(both[loser]?.said() ?? '')
  await waitFor('the other to be ready', () => winner?.said().includes('Ready in'), DEADLINE_MS)
  winner?.send('SIGINT')
  assert.equal(await winner?.code, 0)
})

test('a signal while it starts ends it in good order', async (t) => {
  const { directory, env } = await place(t)
  const one = start(t, env, directory)
  await waitFor('PostgreSQL', () => one.said().includes('PostgreSQL is ready'), DEADLINE_MS)
  one.send('SIGINT')
  assert.equal(await one.code, 0)
  assert.deepEqual(await processesThatName(directory), [])
})

test('a data directory that cannot be made is named with its setting', async (t) => {
  const { directory, env } = await place(t)
  const refused = start(t, { ...env, PIGEON_DATA_DIR: join(MAIN, 'data') }, directory)
  assert.equal(await refused.code, 1)
  assert.match(refused.said(), /PIGEON_DATA_DIR/)
  isOneSentence(refused.said())
})
