import { spawn } from 'node:child_process'
import { copyFile, mkdir, open, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '#roles/free-ports.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { endServer, peerDirectory, type PeerScope } from './debian.ts'
import type { MailRelay, RelayTo } from './mail-relay.ts'
import { greets } from './postfix.ts'
import type { SigningKey } from './signing-key.ts'

const START_MS = 60_000
/** A server that only relays for its own network, as this one does, says so in two hooks. */
const RELAY_PLUGIN = `'use strict'
exports.hook_mail = (next, connection) => {
  connection.relaying = true
  next(OK)
}
exports.hook_rcpt = (next) => next(OK)
`

/**
 * Haraka from `installed` as a relay, signing with haraka-plugin-dkim when there is a key. It ends with the scope.
 *
 * A worker for each processor, nothing but relaying, signing and forwarding loaded, and errors only in the log. It forwards with
 * `queue/smtp_forward` while the sender waits: that relayed a sixth more here than its outbound queue, which writes each message
 * to disk first.
 */
export async function startHarakaRelay(
  scope: PeerScope,
  installed: string,
  to: RelayTo,
  key: SigningKey | undefined,
): Promise<MailRelay> {
  const { path: root, remove } = await peerDirectory('haraka')
  scope.after(remove)
  const [port = 0] = await freePorts(1)
  await writeConfig(root, installed, port, to, key)
  const log = join(root, 'log')
  const program = join(installed, 'node_modules', 'Haraka', 'bin', 'haraka')
  const output = await open(log, 'w')
  const server = spawn(process.execPath, [program, '-c', root], {
    cwd: root,
    stdio: ['ignore', output.fd, output.fd],
  })
  await output.close()
  scope.after(() => endServer(server))
  await waitFor(`Haraka on port ${port}`, () => greets(port), START_MS).catch(async (error: unknown) => {
    throw new Error(`Haraka does not answer; its log:\n${await readFile(log, 'utf8')}`, { cause: error })
  })
  return { port, pids: [server.pid ?? 0] }
}

async function writeConfig(
  root: string,
  installed: string,
  port: number,
  to: RelayTo,
  key: SigningKey | undefined,
): Promise<void> {
  const config = join(root, 'config')
  for (const name of [config, join(root, 'plugins'), join(root, 'queue')]) await mkdir(name)
  await symlink(join(installed, 'node_modules'), join(root, 'node_modules'))
  // It does not start without this one of the files that it ships.
  await copyFile(
    join(installed, 'node_modules', 'Haraka', 'config', 'connection.ini'),
    join(config, 'connection.ini'),
  )
  await writeFile(join(root, 'plugins', 'take_all.js'), RELAY_PLUGIN)
  const plugins = ['take_all', ...(key === undefined ? [] : ['dkim']), 'queue/smtp_forward']
  const files = {
    me: 'relay.example',
    loglevel: 'ERROR',
    plugins: plugins.join('\n'),
    'smtp.ini': `listen=127.0.0.1:${port}\nnodes=cpus`,
    'smtp_forward.ini': `host=${to.address}\nport=${to.port}\nenable_outbound=true\nmax_connections=1000`,
    'outbound.ini': 'enable_tls=false',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), `${text}\n`)
  if (key !== undefined) await writeSigning(config, key)
}

async function writeSigning(config: string, key: SigningKey): Promise<void> {
  const directory = join(config, 'dkim', key.domain)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'private'), key.privateKey, { mode: 0o600 })
  await writeFile(join(directory, 'selector'), key.selector)
  const headers = 'From, Sender, Reply-To, Subject, Date, Message-ID, To, Cc, MIME-Version'
  await writeFile(
    join(config, 'dkim.ini'),
    `[sign]\nenabled=true\nheaders=${headers}\n[canon]\nbody=relaxed\n[verify]\nenabled=false\n`,
  )
}
