import { decodeHTML } from 'entities'
import PostalMime from 'postal-mime'
import type { Email } from 'postal-mime'

/** What is kept of a message until nothing more comes of it. */
export interface AcceptedContent {
  /** Its header section with LF line ends, at most `MAX_HEADER_CHARS` of it, cut after a whole line. */
  readonly header: string
  readonly subject: string
  /** The address in From; empty when there is none. */
  readonly from: string
  readonly messageId: string
  /** Where one POST unsubscribes (RFC 8058). */
  readonly oneClick: string | undefined
  /** To whom a mail unsubscribes (RFC 2369). */
  readonly unsubscribeAddress: string | undefined
  readonly pictures: readonly string[]
  readonly links: readonly AcceptedLink[]
}

export interface AcceptedLink {
  readonly url: string
  /** A person can see and click it. */
  readonly isSeen: boolean
}

const MAX_HEADER_CHARS = 16 * 1024
const MAX_HTML_CHARS = 2 * 1024 * 1024
/** Of links, and of pictures. */
const MAX_LINKS = 100
const MAX_URL_CHARS = 4096

/** Reads a message as its reader's program does, with code that has nothing to do with what wrote it. Rejects for what is no mail. */
export async function readAcceptedMail(content: Buffer): Promise<AcceptedContent> {
  const email = await PostalMime.parse(content)
  const ways = unsubscribeWays(fieldOf(email, 'list-unsubscribe'))
  const web = ways.find((way) => /^https?:/i.test(way))
  const isOneClick = /List-Unsubscribe=One-Click/i.test(fieldOf(email, 'list-unsubscribe-post'))
  const html = email.html?.slice(0, MAX_HTML_CHARS) ?? ''
  const tags = tagsOf(html)
  return {
    header: headerOf(content),
    subject: email.subject ?? '',
    from: email.from?.address ?? '',
    messageId: email.messageId ?? '',
    oneClick: isOneClick ? web : undefined,
    unsubscribeAddress: mailAddress(ways.find((way) => /^mailto:/i.test(way))),
    pictures: tags.flatMap((tag) => (tag.name === 'img' ? (attribute(tag.text, 'src') ?? []) : [])),
    links: tags.flatMap((tag) => linkOf(tag, web)).slice(0, MAX_LINKS),
  }
}

function fieldOf({ headers }: Email, name: string): string {
  return headers.find(({ key }) => key === name)?.value ?? ''
}

function headerOf(content: Buffer): string {
  const blank = content.indexOf('\r\n\r\n')
  const whole = content
    .toString('utf8', 0, blank === -1 ? content.length : blank)
    .slice(0, MAX_HEADER_CHARS + 1)
    .replaceAll('\r\n', '\n')
  return whole.length <= MAX_HEADER_CHARS ? whole : whole.slice(0, whole.lastIndexOf('\n'))
}

function unsubscribeWays(value: string): string[] {
  return [...value.matchAll(/<([^<>\s]{1,2000})>/g)].map(([, way = '']) => way)
}

function mailAddress(way: string | undefined): string | undefined {
  const address = way?.slice('mailto:'.length).split('?')[0]
  return address === undefined || !address.includes('@') ? undefined : decodeAddress(address)
}

function decodeAddress(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

interface Tag {
  readonly name: 'a' | 'img'
  readonly text: string
}

function tagsOf(html: string): Tag[] {
  const tags: Tag[] = []
  let pictures = 0
  for (const [text, name = ''] of html.matchAll(/<(a|img)\s[^<>]{1,8192}>/gi)) {
    const isPicture = name.toLowerCase() === 'img'
    if (isPicture && (pictures += 1) > MAX_LINKS) continue
    tags.push({ name: isPicture ? 'img' : 'a', text })
  }
  return tags
}

/** The link that unsubscribes is followed as one, and not clicked. */
function linkOf({ name, text }: Tag, unsubscribe: string | undefined): AcceptedLink[] {
  const url = name === 'a' ? attribute(text, 'href') : undefined
  if (url === undefined) return []
  const isLeaving = unsubscribe !== undefined && url.startsWith(unsubscribe)
  return [{ url, isSeen: !isLeaving && !/display:\s*none|aria-hidden="true"/i.test(text) }]
}

function attribute(tag: string, name: 'href' | 'src'): string | undefined {
  const match = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i').exec(tag)
  const value = decodeHTML(match?.[1] ?? match?.[2] ?? '').trim()
  return /^https?:\/\//i.test(value) && value.length <= MAX_URL_CHARS ? value : undefined
}
