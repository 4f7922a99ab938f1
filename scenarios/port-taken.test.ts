import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { environment, runCommand } from '@pigeon/server/test/platform.ts'
import { processesThatName } from '@pigeon/server/test/processes.ts'

const SETTINGS = ['PIGEON_HTTP_PORT', 'PIGEON_WINDTUNNEL_SMTP_PORT', 'PIGEON_WINDTUNNEL_DNS_PORT'] as const

test('a port that is taken is a sentence that names the setting, and nothing is left running', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-port-'))
  await chmod(dir, 0o755)
  const other = createServer().listen(0, '0.0.0.0')
  await once(other, 'listening')
  t.after(async () => {
    other.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  })
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  const free = await environment(dir)
  for (const setting of SETTINGS) {
    const { code, stdout, stderr } = await runCommand(
      ['up'],
      { ...free, PIGEON_LOG_LEVEL: 'error', [setting]: port },
      dir,
    )
    assert.equal(code, 1, `${setting}: ${stdout}${stderr}`)
    const said = stderr.split('\n').filter((line) => line.includes(setting))
    assert.equal(said.length, 1, `one line names ${setting}: ${stderr}`)
    assert.ok(said[0]?.includes(port), stderr)
    assert.doesNotMatch(stderr, /^\s+at /m, `no stack trace: ${stderr}`)
    assert.deepEqual(await processesThatName(dir), [])
  }
})
