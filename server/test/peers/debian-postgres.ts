import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client, type PoolConfig } from 'pg'
import { freePorts } from '#roles/free-ports.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { isExecutable, missing, peerDirectory, systemUser, type PeerScope } from './debian.ts'

export interface DebianPostgres {
  /** As the superuser, over TCP. */
  readonly superuser: PoolConfig & { readonly host: string; readonly port: number }
}

const run = promisify(execFile)
const BINARIES = '/usr/lib/postgresql/15/bin'
const PASSWORD = 'superuser'
const START_MS = 60_000
const STOP_MS = 30_000
/** A throw-away server: nothing in it must survive a power cut. */
const SETTINGS = ['fsync=off', 'full_page_writes=off', 'max_connections=200', 'autovacuum=off']

/** Starts PostgreSQL 15 of Debian, the oldest that Pigeon supports, on a port of loopback, and deletes it after the test. */
export async function startDebianPostgres(scope: PeerScope): Promise<DebianPostgres> {
  if (!isExecutable(join(BINARIES, 'initdb'))) throw missing('PostgreSQL 15', 'postgresql-15')
  // The server refuses to run as root.
  const user = process.getuid?.() === 0 ? systemUser('postgres') : undefined
  const directory = await peerDirectory('postgres15')
  const [port = 0] = await freePorts(1)
  const cluster = join(directory.path, 'cluster')
  const passwordFile = join(directory.path, 'password')
  await mkdir(cluster, { mode: 0o700 })
  await writeFile(passwordFile, PASSWORD)
  if (user !== undefined) await chown(cluster, user.uid, user.gid)
  const options = ['-A', 'scram-sha-256', '-U', 'pigeon', `--pwfile=${passwordFile}`, '-N', '-E', 'UTF8']
  await run(join(BINARIES, 'initdb'), ['-D', cluster, '--locale=C.UTF-8', ...options], {
    ...user,
    cwd: directory.path,
  })
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', ...SETTINGS]
  const server = spawn(
    join(BINARIES, 'postgres'),
    ['-D', cluster, ...settings.flatMap((each) => ['-c', each])],
    { ...user, cwd: directory.path, stdio: 'ignore' },
  )
  const ended = once(server, 'exit')
  scope.after(async () => {
    const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MS)
    server.kill('SIGINT')
    await ended
    clearTimeout(timer)
    await directory.remove()
  })
  const superuser = {
    host: '127.0.0.1',
    port,
    user: 'pigeon',
    password: PASSWORD,
    database: 'postgres',
  }
  await waitFor('PostgreSQL 15 to answer', () => answers(superuser), START_MS)
  return { superuser }
}

/** A database and its owner, who may create roles and is no superuser. Returns the owner's URL. */
export async function createOwnedDatabase({ superuser }: DebianPostgres): Promise<string> {
  const client = new Client(superuser)
  await client.connect()
  try {
    await client.query(`create role mailer login createrole password 'secret'`)
    await client.query('create database mail owner mailer')
  } finally {
    await client.end()
  }
  return `postgres://mailer:secret@${superuser.host}:${superuser.port}/mail`
}

async function answers(connection: PoolConfig): Promise<boolean> {
  const client = new Client({ ...connection, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  await client.connect()
  await client.end()
  return true
}
