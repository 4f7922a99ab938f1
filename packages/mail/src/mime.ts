import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import { isSafeHeaderValue } from './address.ts'
import {
  addressHeader,
  encodedWords,
  formatDate,
  structuredHeader,
  textHeader,
  type Mailbox,
} from './headers.ts'
import { MailError } from './mail-error.ts'
import { base64Lines, encodeText } from './transfer-encoding.ts'

/** Octets of all attachments of a message before encoding; larger ones are refused nearly everywhere. */
export const MAX_ATTACHMENT_OCTETS = 50 * 1024 * 1024
export const MAX_ATTACHMENTS = 100
const MAX_FILE_NAME_CHARS = 255
const MAX_CUSTOM_HEADERS = 100
/** Characters of one RFC 2231 segment, so that its line stays below 76. */
const MAX_SEGMENT = 50

export interface Attachment {
  readonly filename: string
  /** `type/subtype`. */
  readonly contentType: string
  readonly content: Buffer
  /** Given: an inline image that the HTML names as `cid:...`. */
  readonly cid?: string | undefined
}

export interface MessageInput {
  readonly from: Mailbox
  readonly to: Mailbox | readonly Mailbox[]
  readonly cc?: readonly Mailbox[] | undefined
  readonly replyTo?: Mailbox | undefined
  readonly subject: string
  readonly date: Date
  /** With its angle brackets, from `messageId()`. The boundaries are made from it. */
  readonly messageId: string
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined
  readonly text?: string | undefined
  readonly html?: string | undefined
  readonly attachments?: readonly Attachment[] | undefined
}

/**
 * A MIME entity: its own header lines (each ends with CRLF), and its body in pieces. They are joined once, in the octets
 * of the message: joining them level by level copied every part four times.
 */
interface Part {
  readonly header: string
  readonly body: readonly string[]
}

const MESSAGE_ID = /^<[!-;=?-~]{1,250}>$/
const NOT_ASCII = /[^\u0000-\u007f]/
const CONTENT_ID = /^[!#-'*+\-./0-9=?A-Z^-~@]{1,200}$/
const CONTENT_TYPE = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/i

/** Headers the message has from its fields, or that only servers write. */
const RESERVED = new Set([
  'from',
  'to',
  'cc',
  'bcc',
  'reply-to',
  'subject',
  'date',
  'message-id',
  'mime-version',
  'content-type',
  'content-transfer-encoding',
  'content-disposition',
  'content-id',
  'dkim-signature',
  'received',
  'return-path',
])

/** Headers whose value is a list of URLs, addresses or ids: an encoded-word would break them. */
const STRUCTURED = new Set([
  'list-unsubscribe',
  'list-unsubscribe-post',
  'list-id',
  'list-help',
  'list-post',
  'list-archive',
  'in-reply-to',
  'references',
  'sender',
  'feedback-id',
  'auto-submitted',
  'precedence',
])

/**
 * Writes a whole message (RFC 5322, 2045): ASCII octets (UTF-8 in the address of a recipient who needs it, RFC 6532),
 * CRLF, no line above 998. The same input gives the same octets. Throws `MailError` for whatever must not stand in a header.
 */
export function buildMessage(input: MessageInput): Buffer {
  const header = messageHeader(input)
  const { header: bodyHeader, body } = messageBody(input)
  const last = body.at(-1) ?? ''
  const end = last.endsWith('\r\n') || (last === '' && body.length === 1) ? '' : '\r\n'
  return octetsOf([`${inOctets(header)}MIME-Version: 1.0\r\n${bodyHeader}\r\n`, ...body, end])
}

function octetsOf(pieces: readonly string[]): Buffer {
  const octets = Buffer.allocUnsafe(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) at += octets.write(piece, at, 'latin1')
  return octets
}

/** Its UTF-8 as one character an octet, as pieces are written. */
function inOctets(header: string): string {
  return NOT_ASCII.test(header) ? Buffer.from(header).toString('latin1') : header
}

function messageHeader(input: MessageInput): string {
  if (!MESSAGE_ID.test(input.messageId)) {
    throw new MailError('bad_message_id', 'The Message-ID must be in angle brackets.')
  }
  const to = 'email' in input.to ? [input.to] : input.to
  let out = addressHeader('From', [input.from])
  if (to.length > 0) out += addressHeader('To', to)
  if (input.cc !== undefined && input.cc.length > 0) out += addressHeader('Cc', input.cc)
  if (input.replyTo !== undefined) out += addressHeader('Reply-To', [input.replyTo])
  out += textHeader('Subject', input.subject)
  out += `Date: ${formatDate(input.date)}\r\nMessage-ID: ${input.messageId}\r\n`
  return input.headers === undefined ? out : out + customHeaders(input.headers)
}

function customHeaders(headers: readonly (readonly [name: string, value: string])[]): string {
  if (headers.length > MAX_CUSTOM_HEADERS) {
    throw new MailError('too_many_headers', `A message has at most ${MAX_CUSTOM_HEADERS} headers of its own.`)
  }
  let out = ''
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (RESERVED.has(key))
      throw new MailError('header_reserved', `${name} is written from the message's fields.`)
    out += STRUCTURED.has(key) ? structuredHeader(name, value) : textHeader(name, value)
  }
  return out
}

function messageBody(input: MessageInput): Part {
  const attachments = input.attachments ?? []
  checkAttachments(attachments)
  const inline = input.html === undefined ? [] : attachments.filter((one) => one.cid !== undefined)
  const attached = attachments.filter((one) => !inline.includes(one))
  const html = input.html === undefined ? undefined : textPart('html', input.html)
  const text =
    input.text === undefined && html !== undefined ? undefined : textPart('plain', input.text ?? '')
  const token = boundaryToken(input.messageId, [html, text])
  const rich = html && related(html, inline, token)
  const body =
    text && rich
      ? multipart('alternative', `=_a${token}`, [text, rich])
      : (rich ?? text ?? textPart('plain', ''))
  if (attached.length === 0) return body
  const first = input.text === undefined && html === undefined ? [] : [body]
  return multipart('mixed', `=_m${token}`, [...first, ...attached.map(attachmentPart)])
}

function related(html: Part, inline: readonly Attachment[], token: string): Part {
  if (inline.length === 0) return html
  return multipart('related', `=_r${token}`, [html, ...inline.map(attachmentPart)])
}

function multipart(
  kind: 'alternative' | 'mixed' | 'related',
  boundary: string,
  parts: readonly Part[],
): Part {
  const type = kind === 'related' ? '; type="text/html"' : ''
  const body: string[] = []
  let lineEnd = ''
  for (const part of parts) {
    body.push(`${lineEnd}--${boundary}\r\n${part.header}\r\n`, ...part.body)
    lineEnd = '\r\n'
  }
  return {
    header: `Content-Type: multipart/${kind}${type};\r\n boundary="${boundary}"\r\n`,
    body: [...body, `${lineEnd}--${boundary}--\r\n`],
  }
}

function textPart(subtype: 'plain' | 'html', text: string): Part {
  const { encoding, body } = encodeText(text)
  return {
    header: `Content-Type: text/${subtype}; charset=utf-8\r\nContent-Transfer-Encoding: ${encoding}\r\n`,
    body: [body],
  }
}

function attachmentPart(attachment: Attachment): Part {
  const { filename, cid } = attachment
  // A message or multipart inside must not be in base64 (RFC 2046 5.2.1): it goes as a file.
  const type = /^(?:message|multipart)\//i.test(attachment.contentType)
    ? 'application/octet-stream'
    : attachment.contentType
  const disposition = cid === undefined ? 'attachment' : 'inline'
  const id = cid === undefined ? '' : `Content-ID: <${cid}>\r\n`
  return {
    header:
      `Content-Type: ${type};\r\n name="${nameParameter(filename)}"\r\n` +
      `Content-Transfer-Encoding: base64\r\n${id}` +
      `Content-Disposition: ${disposition}${fileNameParameter(filename)}\r\n`,
    body: [base64Lines(attachment.content)],
  }
}

/** The old way (an encoded-word in a parameter), for readers that do not know RFC 2231. */
function nameParameter(filename: string): string {
  return isPlainName(filename) ? filename : encodedWords(filename).join('\r\n ')
}

/** RFC 2231: percent-encoded UTF-8, in numbered segments when it is long. */
function fileNameParameter(filename: string): string {
  if (isPlainName(filename)) return `;\r\n filename="${filename}"`
  const segments: string[] = []
  let segment = ''
  for (const ch of filename.toWellFormed()) {
    const encoded = encodeURIComponent(ch).replace(
      /['()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    )
    if (segment !== '' && segment.length + encoded.length > MAX_SEGMENT) {
      segments.push(segment)
      segment = ''
    }
    segment += encoded
  }
  segments.push(segment)
  if (segments.length === 1) return `;\r\n filename*=UTF-8''${segment}`
  return segments.map((one, i) => `;\r\n filename*${i}*=${i === 0 ? "UTF-8''" : ''}${one}`).join('')
}

function isPlainName(filename: string): boolean {
  return filename.length <= 60 && /^[ !#-[\]-~]+$/.test(filename)
}

/** From the message id, so the same message has the same octets; never found in a part that is sent as it is. */
function boundaryToken(seed: string, parts: readonly (Part | undefined)[]): string {
  for (let round = 0; ; round += 1) {
    const token = hash('sha256', round === 0 ? seed : `${seed} ${round}`, 'hex').slice(0, 24)
    if (!parts.some((part) => part !== undefined && part.body.some((piece) => piece.includes(token))))
      return token
  }
}

function checkAttachments(attachments: readonly Attachment[]): void {
  if (attachments.length > MAX_ATTACHMENTS) {
    throw new MailError('too_many_attachments', `A message has at most ${MAX_ATTACHMENTS} attachments.`)
  }
  let octets = 0
  for (const { filename, contentType, content, cid } of attachments) {
    octets += content.length
    if (filename === '' || filename.length > MAX_FILE_NAME_CHARS || !isSafeHeaderValue(filename)) {
      throw new MailError(
        'bad_file_name',
        `A file name has 1 to ${MAX_FILE_NAME_CHARS} characters on one line.`,
      )
    }
    if (!CONTENT_TYPE.test(contentType)) {
      throw new MailError('bad_content_type', 'The content type of an attachment is type/subtype.')
    }
    if (cid !== undefined && !CONTENT_ID.test(cid)) {
      throw new MailError(
        'bad_content_id',
        'A content id has 1 to 200 characters without blanks or brackets.',
      )
    }
  }
  if (octets > MAX_ATTACHMENT_OCTETS) {
    throw new MailError(
      'attachments_too_big',
      `Attachments have at most ${MAX_ATTACHMENT_OCTETS} octets in all.`,
    )
  }
}
