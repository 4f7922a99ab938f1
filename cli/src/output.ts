import { createLiveLine, type LiveLine, type ProgressStream } from '#live-line.ts'

export interface Streams {
  readonly stdout: ProgressStream
  readonly stderr: ProgressStream
}

/** Results go to standard output, everything on the way there to standard error. */
export interface Output {
  readonly isJson: boolean
  /** The result of a command: JSON on one line with --json, otherwise the text. */
  result(value: unknown, text: () => readonly string[]): void
  /** Bytes as they are, e.g. the source of a message. */
  raw(content: string | Uint8Array): void
  /** Shows these lines in place of what was shown before. */
  screen(lines: readonly string[]): void
  /** Whether standard output is a terminal, where something can be shown in place. */
  readonly hasScreen: boolean
  note(text: string): void
  progress(): LiveLine
  /** Bars are for people at a terminal. */
  readonly hasBars: boolean
}

export function createOutput(streams: Streams, isJson: boolean): Output {
  return {
    isJson,
    hasBars: streams.stderr.isTTY === true,
    result: (value, text) => {
      const lines = isJson ? [JSON.stringify(value)] : text().map(printable)
      streams.stdout.write(`${lines.join('\n')}\n`)
    },
    raw: (content) => void streams.stdout.write(content),
    hasScreen: streams.stdout.isTTY === true,
    screen: (lines) => {
      const width = (streams.stdout.columns || DEFAULT_COLUMNS) - 1
      const shown = lines.map((line) => Array.from(printable(line)).slice(0, width).join(''))
      streams.stdout.write(`${HOME_AND_CLEAR}${shown.join('\n')}\n`)
    },
    note: (text) => void streams.stderr.write(`${printable(text)}\n`),
    progress: () => {
      const line = createLiveLine(streams.stderr)
      return { update: (text) => line.update(printable(text)), end: (text) => line.end(text) }
    },
  }
}

const DEFAULT_COLUMNS = 80
const HOME_AND_CLEAR = '\u001b[H\u001b[J'

/** What strangers wrote (names, subjects, replies of servers) must not move the cursor or set a title. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd')
}

export type Align = 'left' | 'right'

/** Columns under their headings, as wide as their widest cell. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  aligns: readonly Align[] = [],
): string[] {
  if (rows.length === 0) return ['(none)']
  const all = [headings, ...rows.map((row) => row.map(oneLine))]
  const widths = headings.map((_, n) => Math.max(...all.map((row) => widthOf(row[n] ?? ''))))
  return all.map((row) =>
    row
      .map((cell, n) => pad(cell, widths[n] ?? 0, aligns[n] ?? 'left'))
      .join('  ')
      .trimEnd(),
  )
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

function pad(cell: string, width: number, align: Align): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(cell)))
  return align === 'right' ? space + cell : cell + space
}

function widthOf(text: string): number {
  return Array.from(text).length
}

const numbers = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 })

export function number(value: number): string {
  return numbers.format(value)
}

/** `2026-11-22 09:30:00 UTC`, or a dash. */
export function time(value: string | null | undefined): string {
  if (value === null || value === undefined) return '-'
  return `${value.slice(0, 10)} ${value.slice(11, 19)} UTC`
}
