import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { parseConnection } from './start-shared-postgres.ts'
import { waitFor } from './wait-for.ts'

test('when the tests are killed their server is stopped and its files are deleted', async () => {
  const module = JSON.stringify(import.meta.resolve('./start-shared-postgres.ts'))
  const program = `
    const { startSharedPostgres } = await import(${module})
    console.log((await startSharedPostgres()).connection)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line]: string[] = await once(createInterface(child.stdout), 'line', {
    signal: AbortSignal.timeout(60_000),
  })
  const dataDir = dirname(String(parseConnection(line ?? '').host))
  assert.ok(existsSync(dataDir))
  child.kill('SIGKILL')
  await waitFor('the directory to be deleted', () => !existsSync(dataDir), 60_000)
})
