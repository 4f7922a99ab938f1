/** The address of a link in HTML with Liquid in it, as it is written. */
export interface FoundLink {
  /** Where the address begins and ends, without its quotes. */
  readonly start: number
  readonly end: number
  readonly written: string
  /** The author does not want it tracked: `data-track="off"`. */
  readonly isOptedOut: boolean
}

export interface FoundLinks {
  /** In their order. */
  readonly links: readonly FoundLink[]
  /** After `<body>`, or 0. */
  readonly bodyStart: number
  /** Before `</body>`, or the end. */
  readonly bodyEnd: number
}

interface Attribute {
  readonly name: string
  readonly start: number
  readonly end: number
}

const TAG_NAME = /<(\/?[a-z][^\s/>]*)/iy
const ATTRIBUTE_NAME = /[^\s=/>"'{}]+/y
const AFTER_NAME = /\s*=\s*/y
/** What stands in these is no markup. */
const RAW_ELEMENTS: Readonly<Record<string, RegExp>> = {
  script: /<\/script/gi,
  style: /<\/style/gi,
  textarea: /<\/textarea/gi,
  title: /<\/title/gi,
  xmp: /<\/xmp/gi,
}
const LINKS = ['a', 'area']

/**
 * Finds the links (`a`, `area`) of an HTML part in one pass: not those in comments (Outlook's conditional ones are
 * comments), and not what stands in attributes, scripts or Liquid, whose quotes and brackets are none of HTML's.
 */
export function findLinks(html: string): FoundLinks {
  const links: FoundLink[] = []
  let bodyStart = 0
  let bodyEnd: number | undefined
  const next = /[<{]/g
  for (let match = next.exec(html); match !== null; match = next.exec(html)) {
    const at = match.index
    next.lastIndex = afterAtom(html, at) ?? at + 1
    TAG_NAME.lastIndex = at
    const name = TAG_NAME.exec(html)?.[1]?.toLowerCase()
    if (name === undefined) continue
    const { attributes, end } = readAttributes(html, TAG_NAME.lastIndex)
    next.lastIndex = afterRaw(html, name, end)
    if (name === 'body') bodyStart = end
    if (name === '/body') bodyEnd = at
    if (LINKS.includes(name)) links.push(...linkOf(html, attributes))
  }
  return { links, bodyStart, bodyEnd: bodyEnd ?? html.length }
}

function linkOf(html: string, attributes: readonly Attribute[]): FoundLink[] {
  const href = attributes.find(({ name }) => name === 'href')
  if (href === undefined) return []
  const track = attributes.find(({ name }) => name === 'data-track')
  const isOptedOut = track !== undefined && html.slice(track.start, track.end).trim().toLowerCase() === 'off'
  return [{ start: href.start, end: href.end, written: html.slice(href.start, href.end), isOptedOut }]
}

/** The end of a comment or a piece of Liquid that begins here. */
function afterAtom(html: string, at: number): number | undefined {
  if (html.startsWith('<!--', at)) return after(html, '-->', at + 4)
  return afterLiquid(html, at)
}

function afterLiquid(html: string, at: number): number | undefined {
  if (html.startsWith('{{', at)) return after(html, '}}', at + 2)
  if (html.startsWith('{%', at)) return after(html, '%}', at + 2)
  return undefined
}

function after(html: string, close: string, from: number): number {
  const end = html.indexOf(close, from)
  return end < 0 ? html.length : end + close.length
}

function afterRaw(html: string, name: string, end: number): number {
  const close = Object.hasOwn(RAW_ELEMENTS, name) ? RAW_ELEMENTS[name] : undefined
  if (close === undefined) return end
  close.lastIndex = end
  return close.exec(html)?.index ?? html.length
}

/** Attributes from here to the end of the tag. Of two with one name browsers take the first, and so does `find`. */
function readAttributes(html: string, from: number): { attributes: readonly Attribute[]; end: number } {
  const attributes: Attribute[] = []
  let at = from
  while (at < html.length && html[at] !== '>') {
    ATTRIBUTE_NAME.lastIndex = at
    const name = ATTRIBUTE_NAME.exec(html)?.[0].toLowerCase()
    if (name === undefined) {
      at = afterLiquid(html, at) ?? at + 1
      continue
    }
    AFTER_NAME.lastIndex = at + name.length
    if (AFTER_NAME.exec(html) === null) {
      at += name.length
      continue
    }
    const value = readValue(html, AFTER_NAME.lastIndex)
    attributes.push({ name, start: value.start, end: value.end })
    at = value.after
  }
  return { attributes, end: Math.min(at + 1, html.length) }
}

function readValue(html: string, from: number): { start: number; end: number; after: number } {
  const quote = html[from] === '"' || html[from] === "'" ? html[from] : undefined
  const start = quote === undefined ? from : from + 1
  let at = start
  while (at < html.length && !endsValue(html[at] ?? '', quote)) at = afterLiquid(html, at) ?? at + 1
  return { start, end: at, after: quote === undefined ? at : at + 1 }
}

function endsValue(character: string, quote: string | undefined): boolean {
  return quote === undefined ? /[\s>]/.test(character) : character === quote
}
