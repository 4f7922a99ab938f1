import { Problem } from '#platform/problem.ts'
import { findPieces } from './liquid-engine.ts'
import type { LiquidPiece } from './liquid-engine.ts'

/** A source whose Liquid pieces are words that MJML, CSS and HTML tools carry along untouched. */
export interface ShieldedSource {
  readonly text: string
  readonly pieces: readonly ShieldedPiece[]
  /** Whether a text mentions a shielded piece. */
  readonly mentions: (text: string) => boolean
  /** Whether a text mentions a shielded tag, `{% ... %}`. */
  readonly holdsTag: (text: string) => boolean
  /** Puts the pieces back, and says for each in order its line in the author's source. */
  readonly restore: (text: string) => { readonly text: string; readonly lines: readonly number[] }
  /** The pieces that a text does not have. */
  readonly missingFrom: (text: string) => readonly ShieldedPiece[]
  /** The line of the author's source that a line of the shielded text came from. */
  readonly sourceLineOf: (shieldedLine: number) => number
}

export interface ShieldedPiece {
  /** The word that stands for the piece. */
  readonly word: string
  readonly source: string
  readonly name: string | undefined
  /** 1-based, in the author's source. */
  readonly line: number
}

/**
 * Replaces the Liquid pieces of an HTML or MJML source by words of lower-case letters and digits: they survive as text,
 * attribute name, attribute value, URL and CSS value. Comments of Liquid are dropped.
 */
export function shieldLiquid(source: string, label: string): ShieldedSource {
  const prefix = unusedPrefix(source)
  const pieces: ShieldedPiece[] = []
  const lineGains: { readonly shieldedLine: number; readonly lines: number }[] = []
  let text = ''
  let end = 0
  let line = 1
  let shieldedLine = 1
  for (const piece of withoutComments(findPieces('html', source, label))) {
    const between = source.slice(end, piece.begin)
    const inside = source.slice(piece.begin, piece.end)
    line += countLines(between)
    shieldedLine += countLines(between)
    const word = piece.isComment ? '' : `${prefix}${pieces.length}z`
    if (!piece.isComment) pieces.push({ word, source: inside, name: piece.name, line })
    text += between + word
    end = piece.end
    const lines = countLines(inside)
    line += lines
    if (lines > 0) lineGains.push({ shieldedLine, lines })
  }
  text += source.slice(end)
  return {
    text,
    pieces,
    ...readers(prefix, pieces),
    sourceLineOf: (wanted) => wanted + gainBefore(lineGains, wanted),
  }
}

function readers(
  prefix: string,
  pieces: readonly ShieldedPiece[],
): Pick<ShieldedSource, 'mentions' | 'holdsTag' | 'restore' | 'missingFrom'> {
  const words = new RegExp(`${prefix}(\\d+)z`, 'g')
  const tags = new Set(pieces.filter((piece) => piece.name !== undefined).map((piece) => piece.word))
  return {
    mentions: (text) => text.includes(prefix),
    holdsTag: (text) => text.match(words)?.some((word) => tags.has(word)) === true,
    restore(text) {
      const lines: number[] = []
      const restored = text.replace(words, (word, index: string) => {
        const piece = pieces[Number(index)]
        if (piece === undefined) return word
        lines.push(piece.line)
        return piece.source
      })
      return { text: restored, lines }
    },
    missingFrom(text) {
      const found = new Set(text.match(words))
      return pieces.filter((piece) => !found.has(piece.word))
    },
  }
}

/** Marks everything from `comment` to `endcomment`, and `{% # ... %}`, as one piece that leaves no word. */
function* withoutComments(
  pieces: readonly LiquidPiece[],
): Generator<LiquidPiece & { readonly isComment: boolean }> {
  let opened: LiquidPiece | undefined
  for (const piece of pieces) {
    if (opened !== undefined) {
      if (piece.name !== 'endcomment') continue
      yield { ...piece, begin: opened.begin, isComment: true }
      opened = undefined
    } else if (piece.name === 'comment') opened = piece
    else yield { ...piece, isComment: piece.name === '#' }
  }
}

/** A beginning that the source does not have, so that no word of the author's is taken for a piece. */
function unusedPrefix(source: string): string {
  const lower = source.toLowerCase()
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    const prefix = `lqd${attempt}x`
    if (!lower.includes(prefix)) return prefix
  }
  throw new Problem(
    'invalid',
    'templates.unreadable',
    'The template has too many words that begin with "lqd".',
  )
}

function countLines(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines += 1
  return lines
}

function gainBefore(
  gains: readonly { readonly shieldedLine: number; readonly lines: number }[],
  wanted: number,
): number {
  return gains.reduce((sum, gain) => (gain.shieldedLine < wanted ? sum + gain.lines : sum), 0)
}
