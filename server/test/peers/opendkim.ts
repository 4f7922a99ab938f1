import { execFile } from 'node:child_process'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianProgram, peerDirectory, type PeerScope } from './debian.ts'

const run = promisify(execFile)

export interface DkimVerdict {
  readonly selector: string
  readonly algorithm: string
  readonly result: string
}

export interface OpenDkim {
  /** Which algorithms this build knows, in the words of its `-V`. */
  readonly algorithms: readonly string[]
  /** What OpenDKIM says of each signature. */
  verify(message: Buffer): Promise<DkimVerdict[]>
}

/** OpenDKIM's verifier with these TXT records instead of DNS. It looks at files and listens nowhere. */
export async function openDkim(scope: PeerScope, records: ReadonlyMap<string, string>): Promise<OpenDkim> {
  const program = debianProgram('opendkim', 'opendkim')
  const directory = await peerDirectory('opendkim')
  scope.after(directory.remove)
  const file = (name: string): string => join(directory.path, name)
  await writeFile(file('keys'), [...records].map(([name, text]) => `${name} ${text}\n`).join(''))
  await writeFile(file('conf'), `TestPublicKeys ${file('keys')}\n`)
  const version = (await run(program, ['-V'])).stdout
  return {
    algorithms: [...version.matchAll(/^\s+((?:rsa|ed25519)-sha\d+)$/gm)].map(([, name]) => name ?? ''),
    verify: async (message) => {
      await writeFile(file('message'), message)
      await chmod(file('message'), 0o644)
      const { stdout } = await run(program, ['-x', file('conf'), '-t', file('message'), '-vvv'])
      return [...stdout.matchAll(/dkim=(\w+)[^;]*header\.a=([\w-]+) header\.s=([\w-]+)/g)].map(
        ([, result = '', algorithm = '', selector = '']) => ({ selector, algorithm, result }),
      )
    },
  }
}
