import { headerOf, returnedHeader, type MailPart } from './mail-parts.ts'
import { NO_FIELDS, type HeaderFields } from './header-fields.ts'

/** What people are told, and what of our message stands below it in the same text. */
export interface Explanation {
  readonly text: string
  /** With what is quoted below. */
  readonly whole: string
  readonly returned: HeaderFields
}

const MAX_EXPLANATION_CHARS = 32 * 1024

/** Lines after which a program quotes the message that it returns, most of them with rules of hyphens around. */
const QUOTED = [
  /[-_=*]{2,99} ?(?:below this line is a copy of the message|(?:this is|enclosed is|the following is) a copy of (?:the|your) (?:original )?message|(?:the )?(?:original|unsent|returned|undelivered) message\b|message header|header of the|(?:the )?header of the original|text of your message|returned (?:mail|message) follows|end of message|original headers|forwarded message)/,
  /(?:message headers|original message|the original message|your message|returned mail|original headers?) follows?\b/,
  /(?:included|below|here|enclosed|attached|following|the following) is (?:a copy of )?(?:the|your) (?:original )?(?:message|mail|e-mail)(?: header| text)?\b/,
  /the (?:first|last) \d{1,9} (?:lines|bytes|octets) of (?:the|your) message/,
  /original message(?: headers?| header information| details)?:?[ \t]{0,9}$/,
  /(?:received|return-path)[ \t]{0,9}:/,
]
const BELOW = new RegExp(`^[ \\t]{0,40}(?:${QUOTED.map(({ source }) => source).join('|')})`, 'im')

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}

/** The text that explains the return: all parts that are neither a report nor our message. Plain text stands for its HTML. */
export function readExplanation(parts: readonly MailPart[]): Explanation {
  const own = parts.filter((part) => part.type.startsWith('text/') && returnedHeader(part) === undefined)
  const plain = own.filter(({ type }) => type === 'text/plain')
  const texts = (plain.some((part) => /\S/.test(part.text())) ? plain : own).map((part) =>
    part.type === 'text/html' ? textOfHtml(part.text()) : part.text(),
  )
  const whole = texts.join('\n\n')
  const cut = whole.search(BELOW)
  if (cut < 0) return { text: whole.slice(0, MAX_EXPLANATION_CHARS), whole, returned: NO_FIELDS }
  return {
    text: whole.slice(0, Math.min(cut, MAX_EXPLANATION_CHARS)),
    whole,
    returned: headerBelow(whole.slice(cut, cut + MAX_EXPLANATION_CHARS)),
  }
}

/** The line that announces it may be the first line of the header, or stand above it. */
function headerBelow(text: string): HeaderFields {
  const begin = text.search(/^[A-Za-z][\w-]{1,75}:[ \t]?[^\n]/m)
  return begin < 0 ? NO_FIELDS : headerOf(text.slice(begin))
}

/** HTML as lines of text: what stands in tags is dropped. Not for showing. */
export function textOfHtml(html: string): string {
  return html
    .slice(0, 2 * MAX_EXPLANATION_CHARS)
    .replace(/<(?:br|\/?p|\/?div|\/?tr|\/?li|\/?h\d|\/?pre|\/?table)\b[^<>]{0,2000}>/gi, '\n')
    .replace(/<[^<>]{0,2000}>/g, ' ')
    .replace(/&(amp|lt|gt|quot|apos|nbsp);/g, (_, name: string) => ENTITIES[name] ?? ' ')
    .replace(/&#(\d{1,6});/g, (_, code: string) => String.fromCodePoint(Math.min(Number(code), 0xffff)))
}
