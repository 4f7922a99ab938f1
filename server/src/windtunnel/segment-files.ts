import { mkdir, open, readdir, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** One segment: `000001.eml` holds bytes of messages end to end, `000001.jsonl` one line of particulars for each. */
export interface SegmentWriter {
  readonly number: number
  rawBytes: number
  indexBytes: number
  readonly raw: FileHandle
  readonly index: FileHandle
}

const fileName = (directory: string, segment: number, ending: 'eml' | 'jsonl') =>
  join(directory, `${String(segment).padStart(6, '0')}.${ending}`)

export async function openSegment(directory: string, number: number): Promise<SegmentWriter> {
  const raw = await open(fileName(directory, number, 'eml'), 'w+')
  const index = await open(fileName(directory, number, 'jsonl'), 'w')
  return { number, rawBytes: 0, indexBytes: 0, raw, index }
}

/**
 * Writes the bytes first and the index after: a process that dies in between leaves bytes that nobody points to.
 * Positions are our own, so a failed write is overwritten by the next.
 */
export async function writeBatch(
  segment: SegmentWriter,
  contents: readonly Buffer[],
  lines: Buffer,
): Promise<void> {
  const rawBytes = contents.reduce((sum, content) => sum + content.length, 0)
  if (rawBytes > 0) {
    const { bytesWritten } = await segment.raw.writev(contents, segment.rawBytes)
    if (bytesWritten < rawBytes) throw new Error(`only ${bytesWritten} of ${rawBytes} bytes could be written`)
  }
  const { bytesWritten } = await segment.index.write(lines, 0, lines.length, segment.indexBytes)
  if (bytesWritten < lines.length) throw new Error('the index line could not be written whole')
  segment.rawBytes += rawBytes
  segment.indexBytes += lines.length
}

export async function closeSegment(segment: SegmentWriter): Promise<void> {
  await segment.raw.close()
  await segment.index.close()
}

/** Numbers of the segments that have an index, ascending; makes the directory. */
export async function listSegments(directory: string): Promise<number[]> {
  await mkdir(directory, { recursive: true })
  const names = await readdir(directory)
  return names
    .flatMap((name) => /^(\d+)\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}

/** The lines of a segment's index; the last may be torn by a crash. */
export async function* readIndexLines(directory: string, segment: number): AsyncGenerator<string> {
  const file = await open(fileName(directory, segment, 'jsonl'), 'r')
  try {
    yield* createInterface({
      input: file.createReadStream({ encoding: 'utf8', autoClose: false }),
      crlfDelay: Number.POSITIVE_INFINITY,
    })
  } finally {
    await file.close()
  }
}

/** The bytes of one message, or undefined when the segment's bytes are gone or end too early. */
export async function readRaw(
  directory: string,
  segment: number,
  offset: number,
  length: number,
): Promise<Buffer | undefined> {
  let file: FileHandle
  try {
    file = await open(fileName(directory, segment, 'eml'), 'r')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  try {
    const content = Buffer.allocUnsafe(length)
    const { bytesRead } = await file.read(content, 0, length, offset)
    return bytesRead === length ? content : undefined
  } finally {
    await file.close()
  }
}

export async function dropRaw(directory: string, segment: number): Promise<void> {
  await rm(fileName(directory, segment, 'eml'), { force: true })
}

export async function dropSegment(directory: string, segment: number): Promise<void> {
  await dropRaw(directory, segment)
  await rm(fileName(directory, segment, 'jsonl'), { force: true })
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
