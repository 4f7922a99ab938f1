import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const MANIFEST = fileURLToPath(new URL('./haraka/package.json', import.meta.url))
const CACHE = fileURLToPath(new URL('../../../.cache/haraka', import.meta.url))
const INSTALL_MS = 300_000

/**
 * Haraka and its signing plugin in the exact versions of haraka/package.json, with npm, once: they are no dependency of Pigeon.
 * Returns the directory whose node_modules they are in. Rejects when npm fails.
 */
export async function installHaraka(say: (line: string) => void): Promise<string> {
  const wanted = await readFile(MANIFEST, 'utf8')
  const stamp = join(CACHE, '.installed')
  if ((await readFile(stamp, 'utf8').catch(() => '')) === wanted) return CACHE
  say(`Installing Haraka and haraka-plugin-dkim into ${CACHE} (once) ...`)
  await mkdir(CACHE, { recursive: true })
  await copyFile(MANIFEST, join(CACHE, 'package.json'))
  const quiet = ['--no-fund', '--no-audit', '--loglevel=error']
  await run('npm', ['install', '--omit=optional', '--ignore-scripts', ...quiet], {
    cwd: CACHE,
    timeout: INSTALL_MS,
  })
  await writeFile(stamp, wanted)
  return CACHE
}
