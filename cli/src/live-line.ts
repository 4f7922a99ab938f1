/** Where progress is written: a terminal, or a file that somebody reads later. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(content: string | Uint8Array): unknown
}

/** One line that changes in place on a terminal; elsewhere a line now and then. */
export interface LiveLine {
  update(text: string): void
  /** Leaves the last line (or this one) standing. */
  end(text?: string): void
}

const LINE_EVERY_MS = 5_000
const DEFAULT_COLUMNS = 80

export function createLiveLine(
  stream: ProgressStream,
  now: () => number = () => performance.now(),
): LiveLine {
  let last = ''
  let writtenAt = Number.NEGATIVE_INFINITY
  const isTerminal = stream.isTTY === true
  const rewrite = (text: string): void => {
    // A terminal that does not know its width says 0.
    const width = (stream.columns || DEFAULT_COLUMNS) - 1
    stream.write(`\r\u001b[2K${Array.from(text).slice(0, width).join('')}`)
  }
  return {
    update: (text) => {
      if (text === last) return
      last = text
      if (isTerminal) return rewrite(text)
      if (now() - writtenAt < LINE_EVERY_MS) return
      writtenAt = now()
      stream.write(`${text}\n`)
    },
    end: (text = last) => {
      if (isTerminal) rewrite(text)
      if (text !== '') stream.write(isTerminal ? '\n' : `${text}\n`)
      last = ''
    },
  }
}

const BAR_CELLS = 24

/** `██████░░░░░░`, for a share from 0 to 1. */
export function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS)
  return '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled)
}
