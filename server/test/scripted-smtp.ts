import { createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createSecureContext, TLSSocket, type SecureContext, type SecureVersion } from 'node:tls'
import { createSelfSignedCertificate } from '#windtunnel/self-signed-certificate.ts'

/**
 * What a server answers to: the connection itself, each command, a chunk that is not the last, and the content after its
 * final dot or last chunk. Said to BDAT itself, an answer means that the octets of the chunk are read as commands.
 */
export type ScriptedVerb =
  | 'BANNER'
  | 'EHLO'
  | 'HELO'
  | 'STARTTLS'
  | 'HANDSHAKE'
  /** And each line after a 334. */
  | 'AUTH'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BDAT'
  | 'CHUNK'
  | 'CONTENT'
  | 'RSET'
  | 'QUIT'
  | 'OTHER'

export interface ScriptedEvent {
  readonly verb: ScriptedVerb
  /** The command, or '' for BANNER, HANDSHAKE and CONTENT. */
  readonly line: string
  /** 1 for the first connection of the server. */
  readonly connection: number
  /** How often this verb came on this connection, this time included. */
  readonly count: number
  readonly isTls: boolean
}

/** The octets of the reply with line ends, or something that a server should not do. `undefined`: what is usual. */
export type ScriptedAnswer =
  | string
  | { readonly do: 'cut' }
  | { readonly do: 'stall' }
  | { readonly say: string; readonly do: 'cut' }
  | undefined

export interface ScriptedSmtpOptions {
  readonly answer?: (event: ScriptedEvent) => ScriptedAnswer
  /** Lines of the EHLO reply after the first. Default PIPELINING and SIZE. */
  readonly extensions?: readonly string[]
  /** Octets written at a time; default all at once. */
  readonly chunkOctets?: number
  readonly tls?: { readonly key: string; readonly cert: string; readonly maxVersion?: SecureVersion }
  /** TLS from the first octet, as on port 465. */
  readonly isImplicitTls?: boolean
  readonly address?: string
  /** Default: a free one. */
  readonly port?: number
}

export interface ScriptedSmtp {
  readonly port: number
  /** What was answered with 250 after its final dot, dot-stuffing undone. */
  readonly accepted: {
    readonly mailFrom: string
    readonly rcptTo: readonly string[]
    readonly content: string
  }[]
  /** Everything that came, in order: `1 EHLO client.example`. */
  readonly heard: string[]
  connections(): number
  /** Connections that are open now, and the most there were at a time. */
  open(): number
  mostOpen(): number
  close(): Promise<void>
}

/** A key and a certificate that nobody trusts. */
export function createTestCertificate(host: string): { key: string; cert: string } {
  return createSelfSignedCertificate([host], new Date())
}

const CONTENT_END = '\r\n.\r\n'

/** A small SMTP server on loopback that does what a test tells it. */
export async function startScriptedSmtp(options: ScriptedSmtpOptions = {}): Promise<ScriptedSmtp> {
  const accepted: ScriptedSmtp['accepted'] = []
  const heard: string[] = []
  const sockets = new Set<Socket>()
  // One for all connections: its keys for tickets are what makes sessions resumable.
  const context = options.tls === undefined ? undefined : createSecureContext(options.tls)
  let connections = 0
  let mostOpen = 0
  const server = createServer({ noDelay: true }, (socket) => {
    connections += 1
    sockets.add(socket)
    mostOpen = Math.max(mostOpen, sockets.size)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    // Ended by the server is over, whenever the client follows.
    socket.on('finish', () => sockets.delete(socket))
    serve(socket, connections, { ...options, context }, accepted, heard)
  })
  await new Promise<void>((resolve) =>
    server.listen(options.port ?? 0, options.address ?? '127.0.0.1', resolve),
  )
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The test server has no port.')
  return {
    port: address.port,
    accepted,
    heard,
    connections: () => connections,
    open: () => sockets.size,
    mostOpen: () => mostOpen,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function serve(
  plain: Socket,
  connection: number,
  options: ScriptedSmtpOptions & { readonly context: SecureContext | undefined },
  accepted: ScriptedSmtp['accepted'],
  heard: string[],
): void {
  let socket: Socket = plain
  const counts = new Map<ScriptedVerb, number>()
  let buffered = ''
  let isContent = false
  let isAuth = false
  let expected: { readonly octets: number; readonly isLast: boolean } | undefined
  let chunks = ''
  let isTls = false
  let isStalled = false
  let mailFrom = ''
  let rcptTo: string[] = []
  let writing = Promise.resolve()

  function write(text: string): void {
    const size = options.chunkOctets ?? text.length
    writing = writing.then(async () => {
      for (let at = 0; at < text.length && !socket.destroyed; at += size) {
        socket.write(text.slice(at, at + size))
        if (size < text.length) await nextTurn()
      }
    })
  }

  /** Whether the usual effect of the verb follows: the answer was 2xx or 354. */
  function answer(verb: ScriptedVerb, line: string, usual: string): boolean {
    const said = say(verb, line, usual)
    return said !== undefined && (said.startsWith('2') || said.startsWith('354'))
  }

  /** What was said; undefined: the connection says nothing more. */
  function say(verb: ScriptedVerb, line: string, usual: string): string | undefined {
    const count = (counts.get(verb) ?? 0) + 1
    counts.set(verb, count)
    const said = options.answer?.({ verb, line, connection, count, isTls }) ?? usual
    if (typeof said === 'string') {
      if (said !== '') write(said)
      return said
    }
    isStalled = true
    if (said.do === 'stall') return undefined
    if ('say' in said && typeof said.say === 'string') {
      write(said.say)
      void writing.then(() => socket.end())
    } else {
      void writing.then(() => socket.destroy())
    }
    return undefined
  }

  function upgrade(): void {
    if (options.context === undefined) return
    plain.removeAllListeners('data')
    const secure = new TLSSocket(plain, { isServer: true, secureContext: options.context })
    secure.on('error', () => {})
    secure.on('data', onData)
    isTls = true
    socket = secure
  }

  function take(line: string): void {
    heard.push(`${connection} ${line}`)
    const verb = isAuth ? 'AUTH' : verbOf(line)
    switch (verb) {
      case 'AUTH':
        isAuth = say(verb, line, '235 2.7.0 Ok\r\n')?.startsWith('334') === true
        break
      case 'BDAT': {
        const [, octets = '0', last] = line.split(' ')
        if (say(verb, line, '') === '') expected = { octets: Number(octets), isLast: last === 'LAST' }
        break
      }
      case 'EHLO': {
        const lines = ['test.example', ...(options.extensions ?? ['PIPELINING', 'SIZE 10000000'])]
        const usual = lines.map((one, i) => `250${i === lines.length - 1 ? ' ' : '-'}${one}\r\n`).join('')
        answer(verb, line, usual)
        break
      }
      case 'MAIL':
        if (answer(verb, line, '250 2.1.0 Ok\r\n')) mailFrom = pathIn(line)
        break
      case 'RCPT':
        if (answer(verb, line, '250 2.1.5 Ok\r\n')) rcptTo.push(pathIn(line))
        break
      case 'DATA':
        isContent = answer(verb, line, rcptTo.length > 0 ? '354 Go on\r\n' : '503 5.5.1 No recipient\r\n')
        break
      case 'RSET':
        rcptTo = []
        chunks = ''
        answer(verb, line, '250 2.0.0 Ok\r\n')
        break
      case 'STARTTLS':
        if (answer(verb, line, '220 2.0.0 Ready\r\n')) startTls()
        break
      case 'QUIT':
        answer(verb, line, '221 2.0.0 Bye\r\n')
        void writing.then(() => socket.end())
        break
      default:
        answer(verb, line, verb === 'OTHER' ? '500 5.5.2 Unknown command\r\n' : '250 2.0.0 Ok\r\n')
    }
  }

  function startTls(): void {
    const broken = options.answer?.({ verb: 'HANDSHAKE', line: '', connection, count: 1, isTls })
    if (broken === undefined) void writing.then(upgrade)
    else if (typeof broken === 'string') write(broken)
    else if (broken.do === 'stall') isStalled = true
    else void writing.then(() => plain.destroy())
  }

  /** RFC 3030 2: the octets are taken whatever is said about them. */
  function takeChunk({ octets, isLast }: { octets: number; isLast: boolean }): boolean {
    if (buffered.length < octets) return false
    chunks += buffered.slice(0, octets)
    buffered = buffered.slice(octets)
    expected = undefined
    heard.push(`${connection} <${octets}>`)
    const usual = rcptTo.length > 0 ? '250 2.0.0 Ok\r\n' : '503 5.5.1 No recipient\r\n'
    const isTaken = answer(isLast ? 'CONTENT' : 'CHUNK', '', usual)
    if (!isLast) return true
    if (isTaken && rcptTo.length > 0) accepted.push({ mailFrom, rcptTo, content: chunks })
    chunks = ''
    rcptTo = []
    return true
  }

  function takeContent(): boolean {
    const end = buffered.startsWith('.\r\n') ? 0 : buffered.indexOf(CONTENT_END)
    if (end < 0) return false
    const content = end === 0 ? '' : buffered.slice(0, end + 2).replace(/^\./gm, '')
    buffered = buffered.slice(end === 0 ? 3 : end + CONTENT_END.length)
    isContent = false
    heard.push(`${connection} <${content.length}>`)
    if (answer('CONTENT', '', '250 2.0.0 Ok: queued\r\n')) accepted.push({ mailFrom, rcptTo, content })
    rcptTo = []
    return true
  }

  function onData(chunk: Buffer): void {
    buffered += chunk.toString('latin1')
    while (true) {
      // `answer` may have stalled the connection in the turn before.
      if (isStalled) return
      if (isContent || expected !== undefined) {
        if (!(expected === undefined ? takeContent() : takeChunk(expected))) return
        continue
      }
      const end = buffered.indexOf('\r\n')
      if (end < 0) return
      const line = Buffer.from(buffered.slice(0, end), 'latin1').toString()
      buffered = buffered.slice(end + 2)
      take(line)
    }
  }

  if (options.isImplicitTls === true) upgrade()
  else plain.on('data', onData)
  answer('BANNER', '', '220 test.example ESMTP\r\n')
}

function verbOf(line: string): ScriptedVerb {
  const word = line.split(' ', 1)[0]?.toUpperCase() ?? ''
  const known: readonly ScriptedVerb[] = [
    'EHLO',
    'HELO',
    'STARTTLS',
    'AUTH',
    'MAIL',
    'RCPT',
    'DATA',
    'BDAT',
    'RSET',
    'QUIT',
  ]
  return known.find((verb) => verb === word) ?? 'OTHER'
}

function pathIn(line: string): string {
  return /<([^>]*)>/.exec(line)?.[1] ?? ''
}
