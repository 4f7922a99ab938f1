import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createPigeon, take } from '@pigeon/sdk'
import { environment } from '@pigeon/server/test/platform.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'

const MAIN = fileURLToPath(new URL('../server/src/main.ts', import.meta.url))
const DEADLINE_MS = 180_000

async function emptyDirectory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-first-'))
  await chmod(dir, 0o755)
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }))
  return dir
}

/** Mailboxes that stay full are given up within a minute, or the campaign would last as long as a message may live. */
async function settings(dir: string) {
  return { ...(await environment(dir)), PIGEON_LOG_LEVEL: 'warn', PIGEON_SANDBOX_EXPIRE_SECONDS: '60' }
}

interface Running {
  readonly child: ChildProcess
  stdout(): string
}

function start(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Running {
  let text = ''
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, stdout: () => text }
}

async function ended({ child }: Running): Promise<unknown> {
  const [code]: unknown[] = await once(child, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) })
  return code
}

test('the demo accounts for everybody in the last line that it prints', async (t) => {
  const dir = await emptyDirectory(t)
  const env = await settings(dir)
  const demo = start(['demo', '--contacts', '200', '--json'], dir, env)
  assert.equal(await ended(demo), 0)

  const result = JSON.parse(demo.stdout().trimEnd().split('\n').at(-1) ?? '')
  assert.equal(result.accepted, 200)
  assert.equal(result.in_flight, 0)
  assert.equal(result.balanced, true)
  assert.equal(result.received_by_windtunnel, result.delivered + result.sent)
  assert.equal(result.duplicates, 0)
  const final = ['delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled']
  assert.equal(
    final.reduce((sum, state) => sum + result[state], 0),
    200,
  )
})

test('a first start that is killed is not repeated, and its campaign goes on', async (t) => {
  const dir = await emptyDirectory(t)
  const env = await settings(dir)
  const first = start(['up'], dir, env)
  const pigeon = await firstClient(env)
  const campaigns = async () => (await take(pigeon.GET('/v1/campaigns'))).data
  const begun = async () => (await campaigns()).find(({ accepted }) => accepted > 0)
  const { id } = await waitFor('the first campaign to begin', begun, DEADLINE_MS)
  first.child.kill('SIGKILL')
  await ended(first)

  const second = start(['up'], dir, env)
  t.after(async () => {
    // Also when something above has failed: it stops its database, too.
    if (second.child.exitCode !== null) return
    second.child.kill('SIGTERM')
    await ended(second)
  })
  await waitFor(
    'the second start',
    async () => second.stdout().includes('API reference') || undefined,
    DEADLINE_MS,
  )
  assert.doesNotMatch(second.stdout(), /Imported/)
  const whole = await waitFor(
    'the campaign to end',
    async () => {
      const metrics = await take(pigeon.GET('/v1/campaigns/{id}/metrics', { params: { path: { id } } }))
      return metrics.status === 'sent' ? metrics : undefined
    },
    DEADLINE_MS,
  )
  assert.equal((await campaigns()).length, 1)
  assert.deepEqual([whole.accepted, whole.in_flight, whole.balanced], [1000, 0, true])
  second.child.kill('SIGTERM')
  assert.equal(await ended(second), 0)
})

/** With the key that the first start leaves in the data directory. */
async function firstClient(env: { PIGEON_DATA_DIR: string; PIGEON_PUBLIC_URL: string }) {
  const read = async () => {
    const key = (await readFile(join(env.PIGEON_DATA_DIR, 'demo', 'api-key'), 'utf8')).trim()
    return key === '' ? undefined : key
  }
  const token = await waitFor('the key of the demo', read, DEADLINE_MS)
  return createPigeon({ baseUrl: env.PIGEON_PUBLIC_URL, token })
}
