import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePorts } from '#roles/free-ports.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { chownTo, debianProgram, needRoot, peerDirectory, type PeerScope } from './debian.ts'
import type { MailRelay, RelayTo } from './mail-relay.ts'
import { startOpenDkimSigner } from './opendkim-signer.ts'
import { greets, POSTFIX_SERVICES, settingsText } from './postfix.ts'
import type { SigningKey } from './signing-key.ts'

const run = promisify(execFile)
const START_MS = 30_000

/**
 * What TUNING_README and postconf(5) offer for the most messages a second: 50 connections to the receiver from the first message,
 * kept open between messages; nothing holds the sender back; processes serve many requests before they are replaced.
 */
const TUNING = {
  default_destination_concurrency_limit: '50',
  initial_destination_concurrency: '50',
  smtp_connection_cache_destinations: 'static:all',
  smtp_connection_reuse_count_limit: '100',
  default_process_limit: '200',
  in_flow_delay: '0',
  qmgr_message_active_limit: '50000',
  qmgr_message_recipient_limit: '50000',
  smtpd_client_event_limit_exceptions: '127.0.0.0/8',
  max_use: '1000',
}

/** Postfix of Debian as a relay, signing with OpenDKIM as a milter when there is a key. It ends with the scope. */
export async function startPostfixRelay(
  scope: PeerScope,
  to: RelayTo,
  key: SigningKey | undefined,
): Promise<MailRelay> {
  const postfix = debianProgram('postfix', 'postfix')
  needRoot()
  const signer = key === undefined ? undefined : await startOpenDkimSigner(scope, key)
  const { path: root, remove } = await peerDirectory('postfix-relay')
  const config = join(root, 'etc')
  scope.after(async () => {
    await run(postfix, ['-c', config, 'stop']).catch(() => undefined)
    await remove()
  })
  const [port = 0] = await freePorts(1)
  for (const name of ['etc', 'spool', 'data']) await mkdir(join(root, name))
  await chownTo(join(root, 'data'), 'postfix')
  const milter = signer === undefined ? {} : { smtpd_milters: `unix:${signer.socket}` }
  await writeFile(join(config, 'main.cf'), settingsText({ ...relaySettings(root, to), ...TUNING, ...milter }))
  const services = [`127.0.0.1:${port} inet n - n - - smtpd`, ...POSTFIX_SERVICES]
  await writeFile(join(config, 'master.cf'), `${services.join('\n')}\n`)
  await run(postfix, ['-c', config, 'start'])
  await waitFor(`Postfix on port ${port}`, () => greets(port), START_MS)
  const master = Number(await readFile(join(root, 'spool', 'pid', 'master.pid'), 'utf8'))
  return { port, pids: signer === undefined ? [master] : [master, signer.pid] }
}

function relaySettings(root: string, { address, port }: RelayTo): Record<string, string> {
  return {
    compatibility_level: '3.6',
    queue_directory: join(root, 'spool'),
    data_directory: join(root, 'data'),
    maillog_file: join(root, 'log'),
    maillog_file_prefixes: root,
    myhostname: 'relay.example',
    mydestination: '',
    mynetworks: '127.0.0.0/8',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    relayhost: `[${address}]:${port}`,
    // Nothing here looks up a name outside.
    smtpd_peername_lookup: 'no',
    disable_dns_lookups: 'yes',
    alias_maps: '',
    alias_database: '',
  }
}
