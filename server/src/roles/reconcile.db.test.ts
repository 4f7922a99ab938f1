import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { startEmbeddedAnalytics } from '#platform/analytics/start-analytics.ts'
import { createLog } from '#platform/log.ts'
import { removeCluster } from '#platform/postgres/cluster-place.ts'
import { startEmbeddedPostgres } from '#platform/postgres/embedded-postgres.ts'
import { findRunningPostgres } from '#platform/postgres/find-running.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const log = createLog({ level: 'silent', role: 'test' })
const dataDir = mkdtempSync(join(tmpdir(), 'pigeon-reconcile-'))
chmodSync(dataDir, 0o755)
after(async () => {
  await removeCluster(dataDir)
  rmSync(dataDir, { recursive: true, force: true })
})

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The command in a process of its own, in a directory without settings files. */
async function reconcileProcess(args: readonly string[], directory = dataDir): Promise<Ended> {
  const env = { PATH: process.env.PATH, PIGEON_DATA_DIR: directory, PIGEON_LOG_LEVEL: 'silent' }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, 'reconcile', ...args],
      { cwd: tmpdir(), env, timeout: 60_000 },
      (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err })
      },
    )
  })
}

test('where no Pigeon is, nothing is made and the answer is a sentence', async () => {
  const nowhere = join(dataDir, 'nowhere')
  const ended = await reconcileProcess([], nowhere)
  assert.equal(ended.code, 1)
  assert.match(ended.err, /There is no Pigeon in .*nowhere: start it once/)
  assert.doesNotMatch(ended.err, /\n {4}at /)
})

test('an unknown option is refused with the usage', async () => {
  const ended = await reconcileProcess(['--jsno'])
  assert.equal(ended.code, 1)
  assert.match(ended.err, /main\.ts reconcile \[--json\]/)
})

test('of a stopped Pigeon the databases are started and stopped again; of a running one they stay', async () => {
  const made = await startEmbeddedPostgres({ dataDir, log })
  await made.stop()
  assert.equal(await findRunningPostgres(dataDir), null)

  const stopped = await reconcileProcess(['--json'])
  assert.deepEqual([stopped.code, stopped.err], [0, 'ledger: 0 campaigns, 0 messages, 0 findings\n'])
  assert.deepEqual(JSON.parse(stopped.out), {
    campaigns: 0,
    messages: 0,
    balanced: true,
    findings: [],
    cut: false,
  })
  assert.equal(await findRunningPostgres(dataDir), null)

  const postgres = await startEmbeddedPostgres({ dataDir, log })
  const engine = await startEmbeddedAnalytics({ dataDir, memoryMb: 256, log })
  try {
    const [pid, enginePid] = [postgres.pid(), engine.pid()]
    const client = new Client(postgres.connection)
    await client.connect()
    await client.query(`
      with t as (insert into tenants (name, created_at, updated_at) values ('T', now(), now()) returning tenant_id)
      insert into campaigns (tenant_id, name, status, from_email, accepted, created_at, updated_at)
      select tenant_id, 'C', 'sent', 'a@b.example', 3, now(), now() from t`)
    await client.end()
    const running = await reconcileProcess([])
    assert.equal(running.code, 1)
    assert.match(
      running.out,
      /^campaigns [0-9a-f-]{36}: expected accepted 0, the number of its messages; found 3\n/,
    )
    assert.match(running.out, /\nledger: 1 campaigns, 0 messages, 1 findings\n$/)
    assert.deepEqual([postgres.pid(), engine.pid()], [pid, enginePid])
    assert.deepEqual(await findRunningPostgres(dataDir), postgres.connection)
  } finally {
    await engine.stop()
    await postgres.stop()
  }
})
