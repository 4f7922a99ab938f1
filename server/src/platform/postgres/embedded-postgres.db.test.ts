import assert from 'node:assert/strict'
import { once } from 'node:events'
import { access, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { Problem } from '#platform/problem.ts'
import {
  DEADLINE_MS,
  defer,
  end,
  query,
  start,
  startInChild,
  temporaryDir,
} from '@pigeon/server/test/embedded-postgres.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { removeCluster } from './cluster-place.ts'
import { findRunningPostgres } from './find-running.ts'
import { processIdentity } from './process-identity.ts'

test('the first start makes the database, the second finds it, and a stop leaves no process', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const first = await start(dataDir, {})
  assert.deepEqual(
    await query(
      first.connection,
      `select current_setting('fsync') || current_setting('listen_addresses') as value`,
    ),
    ['on'],
  )
  await query(first.connection, 'create table kept as select 1 as value')
  const pid = first.pid()
  await first.stop()
  assert.equal(await first.exited, null)
  assert.equal(await processIdentity(pid), null)
  const second = await start(dataDir)
  assert.equal(second.adopted, false)
  assert.deepEqual(await query(second.connection, 'select value from kept'), [1])
  await second.stop()
})

test('a tool finds the server that runs and makes nothing where none does', async (t) => {
  const directory = await temporaryDir(t)
  const dataDir = join(directory, 'data')
  assert.equal(await findRunningPostgres(dataDir), null)
  assert.deepEqual(await readdir(directory), [])
  const server = await start(dataDir)
  assert.deepEqual(await findRunningPostgres(dataDir), server.connection)
  await server.stop()
  assert.equal(await findRunningPostgres(dataDir), null)
})

test('the password is needed, random, and readable by its owner alone', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const server = await start(dataDir)
  defer(t, async () => server.stop())
  assert.equal((await stat(join(dataDir, 'postgres.password'))).mode & 0o777, 0o600)
  await assert.rejects(
    query({ ...server.connection, password: 'guess' }, 'select 1 as value'),
    /password authentication failed/,
  )
})

test('a server whose supervisor was killed is adopted, and its sessions go on', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const { child, reported } = await startInChild(dataDir)
  const session = new Client(reported.connection)
  session.on('error', () => undefined)
  await session.connect()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const server = await start(dataDir)
  defer(t, async () => server.stop())
  assert.equal(server.adopted, true)
  assert.equal(server.pid(), reported.pid)
  assert.equal((await session.query('select 1 as value')).rowCount, 1)
  await session.end()
  process.kill(server.pid(), 'SIGKILL')
  await waitFor(
    'a new server in the place of the adopted one',
    () => server.pid() !== reported.pid,
    DEADLINE_MS,
  )
})

test('a server that was killed too is started again over its stale pid file', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const { child, reported } = await startInChild(dataDir)
  await query(reported.connection, 'create table kept as select 1 as value')
  child.kill('SIGKILL')
  process.kill(reported.pid, 'SIGKILL')
  await once(child, 'exit')
  const server = await start(dataDir)
  defer(t, async () => server.stop())
  assert.equal(server.adopted, false)
  assert.deepEqual(await query(server.connection, 'select value from kept'), [1])
})

test('a pid file that names a process of somebody else is no obstacle', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  await (await start(dataDir)).stop()
  await writeFile(
    join(dataDir, 'postgres', 'postmaster.pid'),
    `${process.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n/nowhere\n\n1 1\nready\n`,
  )
  const server = await start(dataDir)
  defer(t, async () => server.stop())
  assert.equal(server.adopted, false)
})

test('a server that is killed while it works is started again, and what was committed is there', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const server = await start(dataDir, {})
  defer(t, async () => server.stop())
  await query(server.connection, 'create table kept (value integer)')
  const busy = Promise.allSettled(
    [1, 2, 3, 4].map(async () =>
      query(server.connection, 'select count(*) as value from generate_series(1, 1000000000)'),
    ),
  )
  await query(server.connection, 'insert into kept values (7) returning value')
  const killed = server.pid()
  process.kill(killed, 'SIGKILL')
  await waitFor('a new server', () => server.pid() !== killed, DEADLINE_MS)
  assert.deepEqual(await query(server.connection, 'select value from kept'), [7])
  assert.ok((await busy).every(({ status }) => status === 'rejected'))
})

test('a second process is refused while the first holds the directory, and let in afterwards', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const { child, reported } = await startInChild(dataDir)
  assert.equal(reported.problem, undefined)
  await assert.rejects(
    start(dataDir),
    (error) => error instanceof Problem && error.code === 'postgres.in_use',
  )
  await end(child)
  const server = await start(dataDir)
  await server.stop()
})

test('of five processes that start at once one gets the directory', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  const starts = await Promise.all([1, 2, 3, 4, 5].map(async () => startInChild(dataDir)))
  assert.deepEqual(starts.map(({ reported }) => reported.problem ?? 'started').toSorted(), [
    ...Array.from({ length: 4 }, () => 'postgres.in_use'),
    'started',
  ])
  await Promise.all(
    starts.filter(({ reported }) => reported.problem === undefined).map(async ({ child }) => end(child)),
  )
})

test('a first start that was interrupted is begun anew', async (t) => {
  const dataDir = join(await temporaryDir(t), 'data')
  await mkdir(join(dataDir, 'postgres.init', 'cluster', 'base'), { recursive: true })
  await writeFile(join(dataDir, 'postgres.init', 'cluster', 'PG_VERSION'), '18\n')
  await writeFile(join(dataDir, 'postgres.password'), 'of the interrupted start', { mode: 0o600 })
  const server = await start(dataDir)
  assert.deepEqual(
    (await readdir(dataDir)).filter((name) => name.includes('init')),
    [],
  )
  await server.stop()
})

test('a directory whose path is too long for a socket works', async (t) => {
  const dataDir = join(await temporaryDir(t), 'x'.repeat(120), 'data')
  const server = await start(dataDir)
  const socketDir = server.connection.host ?? ''
  assert.ok(Buffer.byteLength(socketDir) < 100)
  assert.equal((await stat(socketDir)).mode & 0o777, 0o700)
  assert.deepEqual(await query(server.connection, 'select 1 as value'), [1])
  await server.stop()
  await removeCluster(dataDir)
  await assert.rejects(access(socketDir))
})

test('a database of another version, a lost password and a file in the place of the directory are refused in words', async (t) => {
  const directory = await temporaryDir(t)
  const dataDir = join(directory, 'data')
  await (await start(dataDir)).stop()
  const password = await readFile(join(dataDir, 'postgres.password'), 'utf8')
  await rm(join(dataDir, 'postgres.password'))
  await assert.rejects(start(dataDir), { name: 'Problem', code: 'postgres.password_lost' })
  await writeFile(join(dataDir, 'postgres.password'), 'another')
  await assert.rejects(start(dataDir), { name: 'Problem', code: 'postgres.password_wrong' })
  await writeFile(join(dataDir, 'postgres.password'), password)
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '12\n')
  await assert.rejects(start(dataDir), { name: 'Problem', code: 'postgres.version' })
  await writeFile(join(directory, 'file'), '')
  await assert.rejects(start(join(directory, 'file')), { name: 'Problem' })
})
