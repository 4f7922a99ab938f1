import { connect, createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { octetsToUuid } from '@pigeon/mail/token.ts'
import { fromBase32 } from '@pigeon/mail/verp.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { createReader, type Reader } from './reader.ts'

/** Something came from the sender, or (`taken`) the receiver answered, and the gate has not passed it on. */
export const HELD_MOMENTS = [
  'connect',
  'ehlo',
  'starttls',
  'mail',
  'rcpt',
  'data',
  'content',
  'dot',
  'taken',
] as const
/** A reply is at the sender's: the greeting, the go-ahead for TLS, the features, the 354, and the 250 after the dot. */
export const ARRIVED_MOMENTS = ['greeting', 'tls', 'features', 'go-ahead', 'reply'] as const
export type Moment = (typeof HELD_MOMENTS)[number] | (typeof ARRIVED_MOMENTS)[number]

export interface Envelope {
  readonly messageId: string
  recipient: string
}

/** One connection as the gate sees it. */
export interface Conversation {
  /** The message of the last MAIL. */
  current: Envelope | undefined
  /** The last message whose final dot was passed on to the receiver. */
  dotted: Envelope | undefined
  /** By `performance.now()`. */
  readonly openedAt: number
  /** Undefined while it is open. */
  closedAt: number | undefined
}

export interface Watch {
  readonly moment: Moment
  /** Asked each time a conversation comes to the moment, before anything is passed on. */
  readonly judge: (conversation: Conversation) => 'pass' | 'hold' | 'reset'
  /** What was to be passed on is in the hands of the other end's kernel. */
  readonly passed?: (conversation: Conversation) => void
}

/**
 * An SMTP server before a receiver: it ends the sender's TLS, passes everything on, and sees each step of the protocol.
 * At a moment that is watched it can hold a conversation, or reset its connection.
 */
export interface Gate {
  readonly address: string
  watch(watch: Watch | undefined): void
  /** Open conversations, and those that ended just now: what the sender knew of their ends may not be on its disk yet. */
  conversations(): Conversation[]
  open(): number
  /** The most of `conversations` that were open at one time. */
  mostOpen(): number
  /** Those that have ended are forgotten: they are none of the next process that comes. */
  forget(): void
  /** So many replies to final dots may pass from now on; the others wait, and with them their conversations. */
  allow(replies: number): void
  close(): Promise<void>
}

export interface GateOptions {
  readonly address: string
  readonly port: number
  /** Of the receiver, on the same port. */
  readonly receiver: string
}

const RECENT_MS = 2_000
const CONTENT_END = '\r\n.\r\n'
/** The id is readable in a bounce address; only its signature needs the key. */
const BOUNCE_ADDRESS = /^MAIL FROM:<[^>]*\bb-([a-z2-7]{39})@/i
const RECIPIENT = /^RCPT TO:<([^>]*)>/i

export async function openGate(options: GateOptions): Promise<Gate> {
  const certificate = createTestCertificate('gate.example')
  const sockets = new Map<Socket, Conversation>()
  const ended = new Set<Conversation>()
  let watched: Watch | undefined
  const left = { replies: Infinity }
  let more = Promise.withResolvers<void>()
  async function allowance(): Promise<void> {
    while (left.replies <= 0) await more.promise
    left.replies -= 1
  }
  const state: GateState = { certificate, watched: () => watched, allowance, options }
  const server = createServer({ noDelay: true }, (socket) => {
    const conversation: Conversation = {
      current: undefined,
      dotted: undefined,
      openedAt: performance.now(),
      closedAt: undefined,
    }
    sockets.set(socket, conversation)
    socket.once('close', () => {
      conversation.closedAt = performance.now()
      sockets.delete(socket)
      ended.add(conversation)
    })
    passThrough(state, socket, conversation)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.address, resolve)
  })
  const conversations = (): Conversation[] => {
    for (const each of ended) if (performance.now() - (each.closedAt ?? 0) > RECENT_MS) ended.delete(each)
    return [...sockets.values(), ...ended]
  }
  return {
    address: options.address,
    watch: (watch) => void (watched = watch),
    conversations,
    open: () => sockets.size,
    mostOpen: () => mostAtOnce(conversations()),
    forget: () => ended.clear(),
    allow: (replies) => {
      left.replies = replies
      more.resolve()
      more = Promise.withResolvers()
    },
    close: async () => {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** How many of them were open at the time when most were. */
function mostAtOnce(conversations: readonly Conversation[]): number {
  const openAt = (time: number): number =>
    conversations.filter((each) => each.openedAt <= time && (each.closedAt ?? Infinity) > time).length
  return Math.max(0, ...conversations.map((each) => openAt(each.openedAt)))
}

interface GateState {
  readonly certificate: { readonly key: string; readonly cert: string }
  readonly watched: () => Watch | undefined
  /** Resolves when one more reply to a final dot may pass. */
  readonly allowance: () => Promise<void>
  readonly options: GateOptions
}

/** The two directions of one connection. */
interface Wire {
  readonly state: GateState
  readonly conversation: Conversation
  readonly plain: Socket
  /** What is spoken with the sender through: TLS after STARTTLS. */
  sender: Socket
  readonly receiver: Socket
  readonly fromSender: Reader
  readonly fromReceiver: Reader
  /** Commands that the receiver has not answered, in order; `.` is a final dot. */
  readonly unanswered: string[]
  /** Whether the receiver wants the content: told by the direction that hears it. */
  goAhead: PromiseWithResolvers<boolean>
  isTls: boolean
}

function passThrough(state: GateState, plain: Socket, conversation: Conversation): void {
  const receiver = connect({ host: state.options.receiver, port: state.options.port, noDelay: true })
  const [fromSender, fromReceiver] = [createReader(), createReader()]
  const wire: Wire = {
    state,
    conversation,
    plain,
    sender: plain,
    receiver,
    fromSender,
    fromReceiver,
    unanswered: ['connect'],
    goAhead: Promise.withResolvers(),
    isTls: false,
  }
  plain.on('error', () => {}).on('data', fromSender.push)
  receiver.on('error', () => {}).on('data', fromReceiver.push)
  const end = (): void => {
    plain.destroy()
    receiver.destroy()
    fromSender.end()
    fromReceiver.end()
    wire.goAhead.resolve(false)
  }
  plain.on('close', end)
  // What the receiver said last must still arrive: with its QUIT answered the sender closes.
  receiver.on('end', () => wire.sender.end()).on('close', end)
  if (!mayPass(wire, 'connect')) return
  void passCommands(wire)
  void passReplies(wire)
}

/** Whether the conversation goes on. */
function mayPass(wire: Wire, moment: Moment): boolean {
  const watch = wire.state.watched()
  if (watch?.moment !== moment) return true
  const verdict = watch.judge(wire.conversation)
  if (verdict === 'reset') wire.plain.resetAndDestroy()
  return verdict === 'pass'
}

async function passCommands(wire: Wire): Promise<void> {
  for (;;) {
    const line = await wire.fromSender.until('\r\n')
    if (line === undefined) return
    const verb = line.slice(0, 8).split(/[ \r]/, 1)[0]?.toUpperCase() ?? ''
    if (verb === 'MAIL') wire.conversation.current = { messageId: messageIdIn(line), recipient: '' }
    const recipient = RECIPIENT.exec(line)?.[1]
    if (wire.conversation.current !== undefined && recipient !== undefined)
      wire.conversation.current.recipient = recipient
    const moment = HELD_MOMENTS.find((each) => each === verb.toLowerCase())
    if (moment !== undefined && !mayPass(wire, moment)) return
    if (verb === 'STARTTLS') {
      if (!(await startTls(wire))) return
      continue
    }
    wire.goAhead = Promise.withResolvers()
    wire.unanswered.push(verb)
    wire.receiver.write(line, 'latin1')
    if (verb === 'DATA' && (await wire.goAhead.promise) && !(await passContent(wire))) return
  }
}

async function passContent(wire: Wire): Promise<boolean> {
  const content = await wire.fromSender.until(CONTENT_END)
  if (content === undefined) return false
  if (!mayPass(wire, 'content')) {
    wire.receiver.write(content.slice(0, content.length / 2), 'latin1')
    return false
  }
  if (!mayPass(wire, 'dot')) return false
  wire.conversation.dotted = wire.conversation.current
  wire.unanswered.push('.')
  wire.receiver.write(content, 'latin1')
  return true
}

async function startTls(wire: Wire): Promise<boolean> {
  if (!(await passReply(wire, 'tls', '220 2.0.0 Go on\r\n'))) return false
  wire.plain.removeAllListeners('data')
  const secure = new TLSSocket(wire.plain, { isServer: true, ...wire.state.certificate })
  secure.on('error', () => {}).on('data', wire.fromSender.push)
  wire.sender = secure
  wire.isTls = true
  return true
}

async function passReplies(wire: Wire): Promise<void> {
  for (;;) {
    const reply = await wire.fromReceiver.reply()
    if (reply === undefined) return
    const verb = wire.unanswered.shift()
    if (verb === '.') {
      if (!mayPass(wire, 'taken')) return
      await wire.state.allowance()
      // Nobody hears it any more: it is another's turn.
      if (wire.plain.destroyed) return
    }
    const isGoAhead = verb === 'DATA' && reply.startsWith('354')
    const text = verb === 'EHLO' && !wire.isTls ? withStartTls(reply) : reply
    if (!(await passReply(wire, momentOf(wire, verb, isGoAhead), text))) return
    if (verb === 'DATA') wire.goAhead.resolve(isGoAhead)
  }
}

/** A feature more, behind the line with the name of the server. */
function withStartTls(reply: string): string {
  return reply.replace(/^250-.*\r\n/, '$&250-STARTTLS\r\n')
}

function momentOf(wire: Wire, verb: string | undefined, isGoAhead: boolean): Moment | undefined {
  if (verb === 'connect') return 'greeting'
  if (verb === 'EHLO' && wire.isTls) return 'features'
  if (isGoAhead) return 'go-ahead'
  return verb === '.' ? 'reply' : undefined
}

/** Writes a reply to the sender; with somebody who watches for it, until its kernel has it. */
async function passReply(wire: Wire, moment: Moment | undefined, text: string): Promise<boolean> {
  const watch = wire.state.watched()
  if (moment !== undefined && !mayPass(wire, moment)) return false
  if (watch === undefined || watch.moment !== moment || watch.passed === undefined) {
    wire.sender.write(text, 'latin1')
    return true
  }
  await new Promise<void>((resolve) => wire.sender.write(text, 'latin1', () => resolve()))
  watch.passed(wire.conversation)
  return true
}

function messageIdIn(line: string): string {
  const octets = fromBase32(BOUNCE_ADDRESS.exec(line)?.[1]?.toLowerCase() ?? '')
  return octets === undefined ? '' : octetsToUuid(octets.subarray(0, 16))
}
