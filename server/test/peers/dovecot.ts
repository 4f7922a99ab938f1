import { spawn } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts } from '#roles/free-ports.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import {
  chownTo,
  debianProgram,
  endServer,
  listens,
  needRoot,
  peerDirectory,
  type PeerScope,
} from './debian.ts'

export interface Dovecot {
  /** With TLS from the first octet. */
  readonly port: number
  /** With STARTTLS; without it nobody logs in. */
  readonly plainPort: number
  /** PEM: what the client must trust. For `localhost`. */
  readonly ca: string
  /** Puts a mail into the mailbox of this user, as a delivery agent does. */
  deliver(user: string, content: string): Promise<void>
  /** Names of the files of mails, with their flags (`:2,S`: seen). */
  mails(user: string): Promise<string[]>
}

export const DOVECOT_PASSWORD = 'correct-horse'

const START_MS = 30_000

/** Starts Dovecot of Debian with a directory of its own: any user may log in with the one password. It ends with the scope. */
export async function startDovecot(scope: PeerScope): Promise<Dovecot> {
  const dovecot = debianProgram('dovecot', 'dovecot-imapd')
  needRoot()
  const { path: root, remove } = await peerDirectory('dovecot')
  const [port = 0, plainPort = 0] = await freePorts(2)
  for (const name of ['run', 'state', 'mail']) await mkdir(join(root, name))
  await chownTo(join(root, 'mail'), 'nobody')
  const { key, cert } = createTestCertificate('localhost')
  await writeFile(join(root, 'key.pem'), key, { mode: 0o600 })
  await writeFile(join(root, 'cert.pem'), cert)
  await writeFile(join(root, 'dovecot.conf'), settings(root, port, plainPort))
  const child = spawn(dovecot, ['-F', '-c', join(root, 'dovecot.conf')], { stdio: ['ignore', 'ignore', 2] })
  scope.after(async () => {
    await endServer(child)
    await remove()
  })
  await waitFor(`Dovecot on port ${port}`, () => listens('127.0.0.1', port), START_MS)
  let count = 0
  return {
    port,
    plainPort,
    ca: cert,
    deliver: async (user, content) => {
      const box = join(root, 'mail', user)
      for (const name of ['', 'cur', 'new', 'tmp']) {
        await mkdir(join(box, name), { recursive: true })
        await chownTo(join(box, name), 'nobody')
      }
      const file = join(box, 'new', `${Date.now()}.${(count += 1)}.localhost`)
      await writeFile(file, content.replaceAll('\r\n', '\n'))
      await chownTo(file, 'nobody')
    },
    mails: async (user) => {
      const box = join(root, 'mail', user)
      const [fresh, seen] = await Promise.all([readdir(join(box, 'new')), readdir(join(box, 'cur'))])
      return [...fresh, ...seen]
    },
  }
}

function settings(root: string, port: number, plainPort: number): string {
  return `
base_dir = ${root}/run
state_dir = ${root}/state
log_path = ${root}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <${root}/cert.pem
ssl_key = <${root}/key.pem
mail_location = maildir:${root}/mail/%u
first_valid_uid = 1
passdb {
  driver = static
  args = password=${DOVECOT_PASSWORD}
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=${root}/mail/%u
}
service imap-login {
  inet_listener imap {
    port = ${plainPort}
  }
  inet_listener imaps {
    port = ${port}
    ssl = yes
  }
}
`
}
