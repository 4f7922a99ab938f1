import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { environment, runCommand } from '@pigeon/server/test/platform.ts'
import { isRunning, processesThatName } from '@pigeon/server/test/processes.ts'

test('a daemon outlives who started it, is found again, and leaves nothing behind when it is stopped', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-daemon-'))
  // Root's PostgreSQL runs as another user, who must get in.
  await chmod(dir, 0o755)
  const env: Record<string, string> = {
    ...(await environment(dir)),
    // No first campaign: nothing is sent.
    PIGEON_MODE: 'live',
    PIGEON_DELIVER_PROCESSES: '1',
  }
  const daemon = (...args: string[]) => runCommand(['daemon', ...args], env, dir)
  t.after(async () => {
    await daemon('stop')
    await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  })

  const before = await daemon('status', '--json')
  assert.equal(before.code, 1)
  assert.deepEqual(JSON.parse(before.stdout).pid, null)

  const started = await daemon('start')
  assert.equal(started.code, 0, started.stderr)
  assert.match(started.stdout, /Pigeon is ready at http:\/\/127\.0\.0\.1:\d+, as process \d+/)
  const status = await daemon('status', '--json')
  const { pid, ready } = JSON.parse(status.stdout)
  assert.deepEqual([status.code, ready, isRunning(pid)], [0, true, true])
  const again = await daemon('start')
  assert.deepEqual([again.code, again.stdout], [0, `Pigeon runs already, as process ${pid}.\n`])

  const stopped = await daemon('stop')
  assert.deepEqual([stopped.code, stopped.stdout], [0, 'Pigeon has stopped.\n'])
  assert.deepEqual(await processesThatName(dir), [])
  assert.match(await readFile(join(dir, 'data', 'pigeon.log'), 'utf8'), /Ready in/)
  assert.match((await daemon('stop')).stdout, /No Pigeon was started/)

  await t.test('one that cannot start says why, and is not noted', async () => {
    const refused = await runCommand(['daemon', 'start'], { ...env, PIGEON_SHAPING_FILE: '/nowhere' }, dir)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /Pigeon did not start\. It has ended by itself\.\n[^]*nowhere/)
    assert.deepEqual(JSON.parse((await daemon('status', '--json')).stdout).pid, null)
  })

  await t.test('where another server answers none is started', async () => {
    const other = createServer((_request, response) => response.end('{}'))
    await new Promise<void>((resolve) => {
      other.listen(Number(env.PIGEON_HTTP_PORT), '127.0.0.1', resolve)
    })
    const refused = await daemon('start')
    other.close()
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /Something answers at .* already/)
  })
})
