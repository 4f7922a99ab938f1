import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { debianProgram, endServer, needRoot, peerDirectory, type PeerScope } from './debian.ts'
import type { SigningKey } from './signing-key.ts'

export interface OpenDkimSigner {
  /** The local socket at which it speaks the milter protocol. */
  readonly socket: string
  readonly pid: number
}

const START_MS = 10_000

/** OpenDKIM as a milter that signs what the key's domain sends, as its manual page says, and verifies nothing. */
export async function startOpenDkimSigner(scope: PeerScope, key: SigningKey): Promise<OpenDkimSigner> {
  const program = debianProgram('opendkim', 'opendkim')
  needRoot()
  const directory = await peerDirectory('opendkim-signer')
  scope.after(directory.remove)
  const file = (name: string): string => join(directory.path, name)
  await writeFile(file('key'), key.privateKey, { mode: 0o600 })
  const settings = {
    Mode: 's',
    Domain: key.domain,
    Selector: key.selector,
    KeyFile: file('key'),
    // The directory above is everybody's, which it would refuse.
    RequireSafeKeys: 'no',
    Canonicalization: 'relaxed/relaxed',
    Socket: `local:${file('socket')}`,
    // Postfix must get in.
    UMask: '000',
    PidFile: file('pid'),
  }
  await writeFile(
    file('conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  )
  const server = spawn(program, ['-f', '-x', file('conf')], { stdio: ['ignore', 'ignore', 'inherit'] })
  scope.after(() => endServer(server))
  await waitFor('OpenDKIM', () => existsSync(file('socket')), START_MS)
  return { socket: file('socket'), pid: server.pid ?? 0 }
}
