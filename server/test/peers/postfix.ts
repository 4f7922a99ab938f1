import { execFile } from 'node:child_process'
import { chown, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '#roles/free-ports.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { debianProgram, needRoot, peerDirectory, systemUser, type PeerScope } from './debian.ts'

/** A message in the mailbox: who it was for, and its octets with the lines that the server put before it taken off. */
export interface StoredMessage {
  readonly recipient: string
  readonly added: string
  readonly content: Buffer
}

export interface Postfix<Service extends string> {
  readonly ports: Readonly<Record<Service, number>>
  /** What lies in the mailbox now. Postfix answers 250 before it delivers: wait for what you expect. */
  messages(): Promise<StoredMessage[]>
  /** Its log. */
  log(): Promise<string>
}

/** Everybody in this domain whose name begins with `reader` or `läser` has a mailbox; nobody else has. */
export const MAILBOX_DOMAIN = 'inbox.example'

/** Of a service with TLS from the first octet. */
export const WRAPPED = 'smtpd_tls_wrappermode = yes'

const run = promisify(execFile)
const START_MS = 30_000
/** What Postfix puts before a message that it delivers, with folded lines. */
const ADDED = /^(?:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)*/

/**
 * Starts Postfix 3.7 of Debian with a directory of its own, one SMTP service (with settings of its own) a name, STARTTLS,
 * and strictness about bare line feeds; stops it and deletes its files when the test ends. `logins`: users and their
 * passwords, for services with `smtpd_sasl_auth_enable`. `more`: settings of main.cf, over those here.
 */
export async function startPostfix<Service extends string>(
  scope: PeerScope,
  services: Readonly<Record<Service, readonly string[]>>,
  logins: Readonly<Record<string, string>> = {},
  more: (ports: Readonly<Record<Service, number>>) => Readonly<Record<string, string>> = () => ({}),
): Promise<Postfix<Service>> {
  const postfix = debianProgram('postfix', 'postfix')
  needRoot()
  const directory = await peerDirectory('postfix')
  const names = Object.keys(services)
  const settings: (readonly string[])[] = Object.values(services)
  const found = await freePorts(names.length)
  // The same keys, each with its port.
  const ports = Object.fromEntries(names.map((name, i) => [name, found[i] ?? 0])) as Record<Service, number>
  const config = join(directory.path, 'etc')
  scope.after(async () => {
    await run(postfix, ['-c', config, 'stop']).catch(() => undefined)
    await directory.remove()
  })
  await writeConfig(directory.path, config, services, { ports, more: more(ports) })
  await writeLogins(config, logins)
  await run(postfix, ['-c', config, 'start'])
  const log = (): Promise<string> => readFile(join(directory.path, 'log'), 'utf8').catch(() => '')
  for (const [i, port] of found.entries()) {
    const isWrapped = settings[i]?.includes(WRAPPED) === true
    await waitFor(`Postfix on port ${port}`, () => greets(port, isWrapped), START_MS).catch(
      async (error: unknown) => {
        throw new Error(`Postfix does not answer; its log:\n${await log()}`, { cause: error })
      },
    )
  }
  return { ports, log, messages: () => readMailbox(join(directory.path, 'mail', 'inbox', 'new')) }
}

async function writeConfig(
  root: string,
  config: string,
  services: Readonly<Record<string, readonly string[]>>,
  { ports, more }: { ports: Readonly<Record<string, number>>; more: Readonly<Record<string, string>> },
): Promise<void> {
  const mailbox = systemUser('nobody')
  const owner = systemUser('postfix')
  for (const name of ['etc', 'spool', 'data', 'mail']) await mkdir(join(root, name))
  await chown(join(root, 'data'), owner.uid, owner.gid)
  await chown(join(root, 'mail'), mailbox.uid, mailbox.gid)
  const { key, cert } = createTestCertificate('mx.inbox.example')
  await writeFile(join(config, 'tls.pem'), `${key}\n${cert}`, { mode: 0o600 })
  await writeFile(
    join(config, 'mailboxes'),
    `/^(reader|läser)[0-9]*@${MAILBOX_DOMAIN.replace('.', '\\.')}$/ inbox/\n`,
  )
  const main = {
    compatibility_level: '3.6',
    queue_directory: join(root, 'spool'),
    data_directory: join(root, 'data'),
    maillog_file: join(root, 'log'),
    maillog_file_prefixes: root,
    myhostname: 'mx.inbox.example',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    smtpd_relay_restrictions: 'reject_unauth_destination',
    virtual_mailbox_domains: MAILBOX_DOMAIN,
    virtual_mailbox_base: join(root, 'mail'),
    virtual_mailbox_maps: `regexp:${join(config, 'mailboxes')}`,
    virtual_uid_maps: `static:${mailbox.uid}`,
    virtual_gid_maps: `static:${mailbox.gid}`,
    smtpd_tls_security_level: 'may',
    smtpd_tls_chain_files: join(config, 'tls.pem'),
    smtpd_sasl_local_domain: MAILBOX_DOMAIN,
    smtpd_forbid_bare_newline: 'reject',
    // Local clients are usually spared from this, and from limits on connections.
    smtpd_forbid_bare_newline_exclusions: '',
    smtpd_client_event_limit_exceptions: '',
    // Nothing here looks up a name outside.
    smtpd_peername_lookup: 'no',
    disable_dns_lookups: 'yes',
    alias_maps: '',
    alias_database: '',
    ...more,
  }
  await writeFile(join(config, 'main.cf'), settingsText(main))
  const smtpd = Object.entries(services).map(([name, settings]) =>
    [`127.0.0.1:${ports[name]} inet n - n - - smtpd`, ...settings.map((each) => `  -o { ${each} }`)].join(
      '\n',
    ),
  )
  await writeFile(join(config, 'master.cf'), `${[...smtpd, ...POSTFIX_SERVICES].join('\n')}\n`)
}

/** Users of Cyrus SASL with the keys of every mechanism, in a database that smtpd may read. */
async function writeLogins(config: string, logins: Readonly<Record<string, string>>): Promise<void> {
  if (Object.keys(logins).length === 0) return
  const saslpasswd = debianProgram('saslpasswd2', 'sasl2-bin')
  // Debian's Postfix looks for what Cyrus SASL needs here, whatever its settings say.
  const directory = join(config, 'sasl')
  await mkdir(directory)
  const database = join(directory, 'sasldb2')
  for (const [user, password] of Object.entries(logins)) {
    const running = run(saslpasswd, ['-p', '-c', '-f', database, '-u', MAILBOX_DOMAIN, user])
    running.child.stdin?.end(password)
    await running
  }
  const owner = systemUser('postfix')
  await chown(database, owner.uid, owner.gid)
  const settings = ['pwcheck_method: auxprop', 'auxprop_plugin: sasldb', `sasldb_path: ${database}`]
  await writeFile(join(directory, 'smtpd.conf'), `${settings.join('\n')}\n`)
}

/** Settings in the form of main.cf. */
export function settingsText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')
}

/** The services behind smtpd, as the shipped master.cf has them, that a mailbox and a relay need. */
export const POSTFIX_SERVICES = [
  'pickup unix n - n 60 1 pickup',
  'cleanup unix n - n - 0 cleanup',
  'qmgr unix n - n 300 1 qmgr',
  'tlsmgr unix - - n 1000? 1 tlsmgr',
  'rewrite unix - - n - - trivial-rewrite',
  'bounce unix - - n - 0 bounce',
  'defer unix - - n - 0 bounce',
  'trace unix - - n - 0 bounce',
  'verify unix - - n - 1 verify',
  'flush unix n - n 1000? 0 flush',
  'proxymap unix - - n - - proxymap',
  'error unix - - n - - error',
  'retry unix - - n - - error',
  'virtual unix - n n - - virtual',
  'smtp unix - - n - - smtp',
  'anvil unix - - n - 1 anvil',
  'scache unix - - n - 1 scache',
  'postlog unix-dgram n - n - 1 postlogd',
]

/** Whether it says a greeting, or takes the connection where TLS comes first. */
export function greets(port: number, isWrapped = false): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(2_000, () => socket.destroy(new Error('no greeting')))
    socket.once('error', reject)
    if (isWrapped) socket.once('connect', () => resolve(socket.destroy().destroyed))
    socket.once('data', (chunk: Buffer) => {
      resolve(chunk.toString('latin1').startsWith('220 '))
      socket.end('QUIT\r\n')
    })
  })
}

async function readMailbox(path: string): Promise<StoredMessage[]> {
  const names = await readdir(path).catch(() => [])
  return Promise.all(names.map(async (name) => stored(await readFile(join(path, name), 'latin1'))))
}

/** Mailboxes have lines that end with LF, as files here do. */
function stored(text: string): StoredMessage {
  const added = ADDED.exec(text)?.[0] ?? ''
  const recipient = /^Delivered-To: (.*)$/m.exec(added)?.[1] ?? ''
  const content = Buffer.from(text.slice(added.length).replaceAll('\n', '\r\n'), 'latin1')
  return { recipient, added, content }
}
