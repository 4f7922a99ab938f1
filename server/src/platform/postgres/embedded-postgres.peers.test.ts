import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { Client } from 'pg'
import { createLog } from '#platform/log.ts'
import { needRoot } from '@pigeon/server/test/peers/debian.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts'

const run = promisify(execFile)
const log = createLog({ level: 'silent', role: 'test' })

async function smallDisk(t: TestContext, size: string): Promise<string> {
  needRoot()
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-disk-'))
  await run('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs', directory])
  t.after(async () => {
    await run('umount', ['--lazy', directory])
    await rm(directory, { recursive: true })
  })
  return directory
}

async function query(server: EmbeddedPostgres, text: string): Promise<unknown[]> {
  const client = new Client({ ...server.connection, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<{ value: unknown }>(text)).rows.map((row) => row.value)
  } finally {
    await client.end()
  }
}

test('a first start on a disk that is too small says so, and works when there is room', async (t) => {
  const directory = await smallDisk(t, '120m')
  const ballast = join(directory, 'ballast')
  await writeFile(ballast, Buffer.alloc(100_000_000))
  const dataDir = join(directory, 'data')
  await assert.rejects(startEmbeddedPostgres({ dataDir, log }), {
    name: 'Problem',
    code: 'postgres.disk_full',
  })
  await rm(ballast)
  const server = await startEmbeddedPostgres({ dataDir, log })
  await server.stop()
})

test('a disk that fills while the server works loses nothing that was committed', async (t) => {
  const directory = await smallDisk(t, '200m')
  const server = await startEmbeddedPostgres({ dataDir: join(directory, 'data'), log })
  t.after(async () => server.stop())
  await query(server, 'create table kept (n serial, text text)')
  const ballast = join(directory, 'ballast')
  const { bavail, bsize } = await statfs(directory)
  await writeFile(ballast, Buffer.alloc(bavail * bsize))
  let committed = 0
  const fill = async (): Promise<void> => {
    for (;;) {
      await query(
        server,
        `insert into kept (text) select repeat(md5(random()::text), 100) from generate_series(1, 500)`,
      )
      committed++
    }
  }
  await assert.rejects(
    fill(),
    /No space left on device|terminated|ECONN|ENOENT|in recovery mode|starting up|EPIPE/,
  )
  await rm(ballast)
  const found = await waitFor(
    'an answer after room was made',
    async () => (await query(server, 'select count(*)::int / 500 as value from kept'))[0] ?? false,
    60_000,
  )
  // One more may be committed whose answer was lost.
  assert.ok(found === committed || found === committed + 1)
  await query(server, `insert into kept (text) values ('again')`)
})
