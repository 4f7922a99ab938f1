const DOT = 0x2e
const END = Buffer.from('\r\n.\r\n')
const LINE_DOT = Buffer.from('\r\n.')

/** Bytes that came after the end of the data, when the end was found. */
export type DataProgress = { readonly done: false } | { readonly done: true; readonly rest: Buffer }

/**
 * Collects what follows DATA until CRLF.CRLF, wherever the chunks are cut (RFC 5321, 4.1.1.4). A bare line feed
 * around the dot ends nothing, so that a second message cannot be smuggled in. Content beyond `maxBytes` is
 * read but not kept.
 */
export interface DataReader {
  push(chunk: Buffer): DataProgress
  /** Content without the final dot and with dot-stuffing undone; undefined when it was larger than allowed. */
  content(): Buffer | undefined
}

export function createDataReader(maxBytes: number): DataReader {
  let chunks: Buffer[] = []
  let size = 0
  let isTooBig = false
  // A message may begin with its final dot: the CRLF of the DATA command counts as the one before it.
  let tail = Buffer.from('\r\n')

  const keep = (part: Buffer) => {
    size += part.length
    if (size > maxBytes + 3) isTooBig = true
    if (isTooBig) chunks = []
    else if (part.length > 0) chunks.push(part)
  }

  return {
    push: (chunk) => {
      const end = findEnd(tail, chunk)
      if (end === -1) {
        keep(chunk)
        tail = Buffer.concat([tail, chunk.subarray(-4)]).subarray(-4)
        return { done: false }
      }
      keep(chunk.subarray(0, end))
      return { done: true, rest: chunk.subarray(end) }
    },
    content: () => {
      if (isTooBig || size - 3 > maxBytes) return undefined
      const [first] = chunks
      const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks)
      return undoDotStuffing(whole.subarray(0, Math.max(0, size - 3)))
    },
  }
}

/** Where in `chunk` the data ends (just after the final CRLF), given the up to four bytes before it; -1 if not yet. */
function findEnd(tail: Buffer, chunk: Buffer): number {
  const seam = Buffer.concat([tail, chunk.subarray(0, 4)])
  const atSeam = seam.indexOf(END)
  if (atSeam !== -1) return atSeam + END.length - tail.length
  const inside = chunk.indexOf(END)
  return inside === -1 ? -1 : inside + END.length
}

/** Takes one dot from the beginning of every line that begins with one (RFC 5321, 4.5.2). */
export function undoDotStuffing(content: Buffer): Buffer {
  let next = content[0] === DOT ? 0 : dotAfterLineEnd(content, 0)
  if (next === -1) return content
  const parts: Buffer[] = []
  let from = 0
  while (next !== -1) {
    parts.push(content.subarray(from, next))
    from = next + 1
    next = dotAfterLineEnd(content, from)
  }
  parts.push(content.subarray(from))
  return Buffer.concat(parts)
}

function dotAfterLineEnd(content: Buffer, from: number): number {
  const at = content.indexOf(LINE_DOT, from)
  return at === -1 ? -1 : at + 2
}
