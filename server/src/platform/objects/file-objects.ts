import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Problem } from '#platform/problem.ts'
import { keySegments } from './object-key.ts'
import type { Objects } from './objects.ts'

/** Not a key (it begins with a dot); on the same file system as the objects, so that a rename is atomic. */
const DRAFTS = '.drafts'
/** A draft this old belongs to a process that died: no upload lasts a day. */
const ABANDONED_MS = 24 * 3_600_000

/**
 * Objects as files below `<dataDir>/objects`. A put is written beside, synced, and then renamed: a reader sees the old
 * object or the new one, and a crash leaves at most a draft, which a later start removes. A full disk rejects with
 * Problem('unavailable', 'objects.disk_full') and leaves nothing behind.
 */
export async function openFileObjects(options: { dataDir: string }): Promise<Objects> {
  const root = join(options.dataDir, 'objects')
  const drafts = join(root, DRAFTS)
  await mkdir(drafts, { recursive: true })
  await removeAbandoned(drafts)
  const pathOf = (key: string): string => join(root, ...keySegments(key))
  return {
    put: async (key, body, { maxBytes } = {}) => put(drafts, pathOf(key), body, maxBytes ?? Infinity),
    get: async (key, { start } = {}) => get(pathOf(key), key, start ?? 0),
    stat: async (key) => sizeOf(pathOf(key)),
    delete: async (key) => rm(pathOf(key), { force: true }),
  }
}

async function put(
  drafts: string,
  path: string,
  body: Readable | Buffer,
  maxBytes: number,
): Promise<{ sizeBytes: number }> {
  const draft = join(drafts, randomUUID())
  try {
    const sizeBytes = await writeDraft(draft, body, maxBytes)
    await mkdir(dirname(path), { recursive: true })
    await rename(draft, path)
    await syncDirectory(dirname(path))
    return { sizeBytes }
  } catch (error) {
    await rm(draft, { force: true })
    throw isDiskFull(error) ? diskFull(error) : error
  }
}

async function writeDraft(draft: string, body: Readable | Buffer, maxBytes: number): Promise<number> {
  let sizeBytes = 0
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length
      if (sizeBytes > maxBytes) done(tooLarge(maxBytes))
      else done(null, chunk)
    },
  })
  // `flush` syncs the file to the disk before it is closed.
  const file = createWriteStream(draft, { flags: 'wx', mode: 0o600, flush: true })
  await pipeline(Buffer.isBuffer(body) ? Readable.from([body], { objectMode: false }) : body, limit, file)
  return sizeBytes
}

/** The rename itself must survive a power cut. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function get(path: string, key: string, start: number): Promise<Readable> {
  const sizeBytes = (await sizeOf(path))?.sizeBytes
  if (sizeBytes === undefined) throw notFound(key)
  if (!Number.isSafeInteger(start) || start < 0 || start > sizeBytes) {
    throw new Problem(
      'invalid',
      'objects.bad_range',
      `The object ${key} has ${sizeBytes} bytes: it cannot be read from ${start}.`,
    )
  }
  const file = await open(path, 'r')
  return file.createReadStream({ start })
}

async function sizeOf(path: string): Promise<{ sizeBytes: number } | undefined> {
  try {
    const found = await stat(path)
    return found.isFile() ? { sizeBytes: found.size } : undefined
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

async function removeAbandoned(drafts: string): Promise<void> {
  for (const name of await readdir(drafts)) {
    const path = join(drafts, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true })
  }
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('too_large', 'objects.too_large', `At most ${maxBytes} bytes may be stored here.`)
}

function notFound(key: string): Problem {
  return new Problem('not_found', 'objects.not_found', `There is no object ${key}.`)
}

function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error))
}

function diskFull(cause: unknown): Problem {
  return new Problem(
    'unavailable',
    'objects.disk_full',
    'The disk of the data directory is full. Nothing of this file was kept. Free some space, then send it again.',
    { cause },
  )
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
