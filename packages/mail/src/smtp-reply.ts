import { Buffer } from 'node:buffer'
import { MailError } from './mail-error.ts'

/** RFC 5321 4.5.3.1.5 asks for 512; receivers with long explanations need more. */
export const MAX_REPLY_LINE_OCTETS = 4_096
export const MAX_REPLY_LINES = 100

const LF = 0x0a
const REPLY_LINE = /^([2-5]\d\d)(?:([ -])(.*))?$/s
const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)/
/** A database text holds no NUL, and a terminal should see no escapes. */
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f]/g

export interface Reply {
  readonly code: number
  /** RFC 3463, of the first line that has one. */
  readonly enhanced?: string
  /** What stands after the code and its hyphen or space, line by line. */
  readonly lines: readonly string[]
  /** The lines in one, without enhanced codes. */
  readonly text: string
}

export interface ReplyParser {
  /**
   * The replies that this chunk completes. Throws `MailError` (`smtp_...`) when the peer breaks the protocol; replies
   * completed before the fault are returned first, and `failure()` then says at once what the next push will throw.
   */
  push(chunk: Buffer): Reply[]
  failure(): MailError | undefined
}

/** What a server offers in its answer to EHLO. */
export interface EhloFeatures {
  readonly pipelining: boolean
  readonly starttls: boolean
  /** Octets; absent when not offered, 0 when offered without a limit (RFC 1870). */
  readonly size?: number
  readonly smtputf8: boolean
  readonly eightBitMime: boolean
  readonly chunking: boolean
  readonly dsn: boolean
  /** Upper case. */
  readonly auth: readonly string[]
}

/** Reads SMTP replies from chunks of any size (RFC 5321 4.2). A bare LF ends a line too. */
export function createReplyParser(): ReplyParser {
  let rest: Buffer = Buffer.alloc(0)
  let lines: string[] = []
  let code = 0
  let failed: MailError | undefined

  function takeLine(line: string, replies: Reply[]): void {
    const match = REPLY_LINE.exec(line)
    if (match === null) throw new MailError('smtp_bad_reply', `Not an SMTP reply: ${line.slice(0, 80)}`)
    const lineCode = Number(match[1])
    if (lines.length > 0 && lineCode !== code) {
      throw new MailError('smtp_code_changed', `A reply began with ${code} and went on with ${lineCode}.`)
    }
    code = lineCode
    lines.push(match[3] ?? '')
    if (match[2] === '-') {
      if (lines.length < MAX_REPLY_LINES) return
      throw new MailError('smtp_too_many_lines', `A reply has more than ${MAX_REPLY_LINES} lines.`)
    }
    replies.push(makeReply(code, lines))
    lines = []
  }

  function takeChunk(chunk: Buffer, replies: Reply[]): void {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(LF, start); end >= 0; end = bytes.indexOf(LF, start)) {
      checkLineLength(end - start)
      takeLine(cleanLine(bytes.toString('utf8', start, end)), replies)
      start = end + 1
    }
    checkLineLength(bytes.length - start)
    // A copy: the caller may reuse its read buffer.
    rest = Buffer.from(bytes.subarray(start))
  }

  function push(chunk: Buffer): Reply[] {
    if (failed !== undefined) throw failed
    const replies: Reply[] = []
    try {
      takeChunk(chunk, replies)
    } catch (error) {
      if (!(error instanceof MailError)) throw error
      failed = error
      if (replies.length === 0) throw error
    }
    return replies
  }
  return { push, failure: () => failed }
}

/** Reads the answer to EHLO. Keywords are case-insensitive; unknown ones are passed over. */
export function parseEhlo(reply: Reply): EhloFeatures {
  const offered = new Map<string, string>()
  const auth = new Set<string>()
  for (const line of reply.lines.slice(1)) {
    const [keyword = '', ...parameters] = line
      .trim()
      .toUpperCase()
      .split(/[ \t=]+/)
    offered.set(keyword, parameters[0] ?? '')
    if (keyword === 'AUTH') for (const mechanism of parameters) if (mechanism !== '') auth.add(mechanism)
  }
  const size = offered.get('SIZE')
  return {
    pipelining: offered.has('PIPELINING'),
    starttls: offered.has('STARTTLS'),
    ...(size === undefined ? {} : { size: /^\d{1,15}$/.test(size) ? Number(size) : 0 }),
    smtputf8: offered.has('SMTPUTF8'),
    eightBitMime: offered.has('8BITMIME'),
    chunking: offered.has('CHUNKING'),
    dsn: offered.has('DSN'),
    auth: [...auth],
  }
}

function checkLineLength(octets: number): void {
  if (octets <= MAX_REPLY_LINE_OCTETS) return
  throw new MailError('smtp_line_too_long', `A reply line is longer than ${MAX_REPLY_LINE_OCTETS} octets.`)
}

function cleanLine(line: string): string {
  return line.replace(/\r+$/, '').replace(CONTROLS, '\ufffd')
}

function makeReply(code: number, lines: readonly string[]): Reply {
  let enhanced: string | undefined
  const texts = lines.map((line) => {
    const match = ENHANCED.exec(line)
    if (match === null) return line.trim()
    enhanced ??= match[1]
    return line.slice(match[0].length).trim()
  })
  const text = texts.filter((one) => one !== '').join(' ')
  return enhanced === undefined ? { code, lines, text } : { code, enhanced, lines, text }
}
