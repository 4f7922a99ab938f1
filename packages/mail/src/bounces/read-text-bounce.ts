import { RECIPIENT_SHAPES, type RecipientShape } from './text-shapes.ts'
import { MAX_RECIPIENTS } from './returned-mail.ts'

/** A recipient that an explanation names, with the words that are about it. */
export interface NamedRecipient {
  readonly recipient: string
  /** The server's or the program's words about it. */
  readonly said: string
}

interface Hit {
  readonly recipient: string
  readonly line: number
  readonly words: string
  readonly isAfterWords: boolean
}

const MAX_LINES = 2_000
const MAX_LINE_CHARS = 1_000
/** The lines that say what a server answered. */
const REPLY_LINE = /(?:^|[\s:;<"'([])(?:[45][0-57]\d)(?:[ \-:.#]|$)|\berror_code\b|<<<|\bsaid:/i

/**
 * Finds the recipients in a text that is no report: line by line, by the surest shape that the text has. `notThese` are addresses of
 * the sender, in lower case.
 */
export function readTextBounce(text: string, notThese: ReadonlySet<string>): NamedRecipient[] {
  const lines = text.split('\n', MAX_LINES).map((line) => line.slice(0, MAX_LINE_CHARS))
  for (const shapes of RECIPIENT_SHAPES) {
    const all = lines.flatMap((line, index) => hitOf(shapes, line, index))
    const hits = all.filter(({ recipient }) => !notThese.has(recipient.toLowerCase()))
    if (hits.length > 0) return withWords(lines, hits.slice(0, MAX_RECIPIENTS))
  }
  return []
}

function hitOf(shapes: readonly RecipientShape[], line: string, index: number): Hit[] {
  if (!line.includes('@')) return []
  for (const { line: pattern, isAfterWords = false } of shapes) {
    const groups = pattern.exec(line)?.groups
    if (groups?.to === undefined) continue
    const words = Object.hasOwn(groups, 'words') ? groups.words : line.trim()
    return [{ recipient: groups.to, line: index, words: words ?? '', isAfterWords }]
  }
  return []
}

/** Each recipient's words go from its line to the next recipient; those of a list are below its end. */
function withWords(lines: readonly string[], hits: readonly Hit[]): NamedRecipient[] {
  const named = new Map<string, NamedRecipient>()
  let pending: string[] = []
  for (const [n, hit] of hits.entries()) {
    const said = hit.isAfterWords
      ? wordsBefore(lines, hits[n - 1]?.line ?? -1, hit)
      : wordsAfter(lines, hit, hits[n + 1])
    pending.push(hit.recipient)
    if (said === '' && n < hits.length - 1) continue
    for (const recipient of pending) {
      const key = recipient.toLowerCase()
      const known = named.get(key)
      if (known === undefined || (!hit.isAfterWords && saysMore(said, known.said)))
        named.set(key, { recipient, said })
    }
    pending = []
  }
  return [...named.values()]
}

/** A server's reply says more than many words. */
function saysMore(said: string, than: string): boolean {
  const [isReply, wasReply] = [REPLY_LINE.test(said), REPLY_LINE.test(than)]
  return isReply === wasReply ? said.length > than.length : isReply
}

function wordsAfter(lines: readonly string[], hit: Hit, next: Hit | undefined): string {
  const below = lines.slice(hit.line + 1, next?.line ?? lines.length)
  return tellingLines([hit.words, ...below])
}

function wordsBefore(lines: readonly string[], from: number, hit: Hit): string {
  const replies = lines.slice(from + 1, hit.line).filter((line) => line.startsWith('<<<'))
  const last = replies.at(-1)
  return [last === undefined ? '' : last.slice(3).trim(), hit.words].filter((each) => each !== '').join(' ')
}

/** From the line with a server's reply on, when there is one; else all of them. */
function tellingLines(lines: readonly string[]): string {
  const reply = lines.findIndex((line) => REPLY_LINE.test(line))
  return lines
    .slice(Math.max(0, reply - (reply > 0 ? 1 : 0)))
    .join('\n')
    .trim()
}
