import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A Chromium that can be started, and the environment it needs. */
export interface BrowserProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

const UNPACK_MS = 120_000
const VERSION_MS = 30_000
const run = promisify(execFile)

/**
 * The Chromium inside the package `@sparticuz/chromium` (Linux on x64), unpacked once a version and user below the
 * directory for temporary files; PIGEON_TEST_CHROMIUM names another one. Processes that come here at the same time
 * unpack each for themselves, and the first that is ready gives its copy the name: nobody sees half a program.
 */
export async function browserProgram(): Promise<BrowserProgram> {
  const given = process.env['PIGEON_TEST_CHROMIUM'] ?? ''
  if (given !== '') return { path: given, env: {} }
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `There is no Chromium for ${process.platform} on ${process.arch} in the package: set PIGEON_TEST_CHROMIUM to the path of one.`,
    )
  const user = process.getuid?.() ?? 0
  const place = join(tmpdir(), `pigeon-chromium-${await packageVersion()}-${user}`)
  if (!isComplete(place)) await unpackTo(place)
  if ((await stat(place)).uid !== user) throw new Error(`${place} belongs to somebody else: delete it.`)
  return program(place)
}

function program(place: string): BrowserProgram {
  const libraries = librariesIn(place)
  return {
    path: join(place, 'chromium'),
    env: {
      FONTCONFIG_FILE: join(place, 'fonts.conf'),
      ...(existsSync(libraries) ? { LD_LIBRARY_PATH: libraries } : {}),
    },
  }
}

async function packageVersion(): Promise<string> {
  const main = fileURLToPath(import.meta.resolve('@sparticuz/chromium'))
  const manifest: unknown = JSON.parse(await readFile(join(dirname(dirname(main)), 'package.json'), 'utf8'))
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest))
    throw new Error('@sparticuz/chromium has no version.')
  return String(manifest.version)
}

/** Those who clean directories of temporary files take single files: what was there last week may be half of it. */
function isComplete(place: string): boolean {
  return ['chromium', 'fonts.conf', 'fonts'].every((name) => existsSync(join(place, name)))
}

async function unpackTo(place: string): Promise<void> {
  const own = await mkdtemp(`${place}-`)
  try {
    await unpack(own)
    await writeFile(join(own, 'fonts.conf'), fontSettings(place))
    if (!(await becomes(own, place))) {
      await rm(place, { recursive: true, force: true })
      await rename(own, place)
    }
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** False when something incomplete has the name already. */
async function becomes(own: string, place: string): Promise<boolean> {
  try {
    await rename(own, place)
    return true
  } catch {
    // Another process was ready before us: its copy is as good.
    return isComplete(place)
  }
}

async function unpack(own: string): Promise<void> {
  await unpackArchives(own, 'browser')
  if (!(await canStart(join(own, 'chromium')))) await unpackArchives(own, 'libraries')
}

async function unpackArchives(own: string, what: 'browser' | 'libraries'): Promise<void> {
  const script = fileURLToPath(new URL('./unpack-browser-process.ts', import.meta.url))
  await run(process.execPath, [script, what], { env: { TMPDIR: own }, timeout: UNPACK_MS })
}

/** Whether the system has the libraries that it is linked with. */
async function canStart(path: string): Promise<boolean> {
  try {
    await run(path, ['--version'], { timeout: VERSION_MS })
    return true
  } catch {
    return false
  }
}

function librariesIn(place: string): string {
  return join(place, 'al2023', 'lib')
}

/** The font of the package for text, so that pictures are alike everywhere; the system's for what it lacks. */
function fontSettings(place: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(place, 'fonts')}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(place, 'fonts-cache')}</cachedir>
  <alias binding="same"><family>system-ui</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
</fontconfig>
`
}
