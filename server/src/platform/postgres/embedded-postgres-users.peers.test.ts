import assert from 'node:assert/strict'
import { access, chmod, chown, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import {
  defer,
  end,
  query,
  start,
  startInChild,
  temporaryDir,
} from '@pigeon/server/test/embedded-postgres.ts'
import { debianProgram, needRoot } from '@pigeon/server/test/peers/debian.ts'
import { findUser, removeCluster, type UnixUser } from './cluster-place.ts'

/** A command as this user, who may read a checkout that is closed to others. */
function asUser({ uid, gid }: UnixUser): string[] {
  const mayRead = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search']
  return [
    debianProgram('setpriv', 'util-linux'),
    `--reuid=${uid}`,
    `--regid=${gid}`,
    '--clear-groups',
    ...mayRead,
  ]
}

test('as root under a closed directory the database lies elsewhere, says where, and is removed from there', async (t) => {
  needRoot()
  const directory = await temporaryDir(t)
  await chmod(directory, 0o700)
  const umask = process.umask(0o077)
  defer(t, async () => void process.umask(umask))
  const dataDir = join(directory, 'data')
  const server = await start(dataDir)
  const clusterDir = (await readFile(join(dataDir, 'postgres.location'), 'utf8')).trim()
  assert.match(clusterDir, /^\/var\/lib\/pigeon\/[0-9a-f]{16}\/postgres$/)
  assert.notEqual((await stat(clusterDir)).uid, 0)
  await query(server.connection, 'create table kept as select 1 as value')
  await server.stop()
  const again = await start(dataDir)
  assert.deepEqual(await query(again.connection, 'select value from kept'), [1])
  await again.stop()
  await rm(clusterDir, { recursive: true })
  await rm(dirname(clusterDir), { recursive: true })
  await assert.rejects(start(dataDir), { name: 'Problem', code: 'postgres.cluster_gone' })
  await rm(join(dataDir, 'postgres.location'))
  await (await start(dataDir)).stop()
  await removeCluster(dataDir)
  await assert.rejects(access(dirname(clusterDir)))
})

test('as an ordinary user everything lies in the data directory, and root goes on with it as that user', async (t) => {
  needRoot()
  const directory = await temporaryDir(t)
  const nobody = findUser(await readFile('/etc/passwd', 'utf8'), 'nobody')
  assert.ok(nobody, 'There is no user nobody.')
  await chown(directory, nobody.uid, nobody.gid)
  const dataDir = join(directory, 'data')
  const { child, reported } = await startInChild(dataDir, asUser(nobody))
  assert.equal(reported.connection.host, join(dataDir, 'postgres.socket'))
  assert.equal((await stat(join(dataDir, 'postgres'))).uid, nobody.uid)
  await end(child)
  const server = await start(dataDir)
  assert.deepEqual(await query(server.connection, 'select 1 as value'), [1])
  await server.stop()
  assert.equal((await stat(join(dataDir, 'postgres'))).uid, nobody.uid)
})
