import { createSocket } from 'node:dgram'
import type { Socket as UdpSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import {
  AUTHORITATIVE_ANSWER,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  decode,
  encode,
} from 'dns-packet'
import type { Answer, Packet } from 'dns-packet'
import { RCODE, answerQuestion } from './dns-answers.ts'
import type { DnsRules } from './dns-answers.ts'

const HEADER_BYTES = 12
/** RFC 1035, 4.2.1: without EDNS a UDP answer has at most 512 bytes. */
const PLAIN_UDP_BYTES = 512
const EDNS_UDP_BYTES = 1232
const TCP_IDLE_TIMEOUT_MS = 5000
const MAX_TCP_CONNECTIONS = 500
const PORT_TRIES = 20

export interface DnsServer {
  readonly host: string
  readonly port: number
  stop(): Promise<void>
}

/** Answers DNS over UDP and TCP on one port. Rejects with the system's error when the port is taken. */
export async function startDnsServer(rules: DnsRules, host: string, port: number): Promise<DnsServer> {
  for (let tries = 1; ; tries++) {
    const tcp = createServer((socket) => serveTcp(rules, socket))
    tcp.maxConnections = MAX_TCP_CONNECTIONS
    const chosen = await listenTcp(tcp, host, port)
    const udp = createSocket({ type: 'udp4', recvBufferSize: 1024 * 1024 })
    try {
      await bindUdp(udp, host, chosen)
    } catch (error) {
      await new Promise<void>((resolve) => tcp.close(() => resolve()))
      // With port 0 the system chose a port for TCP only: somebody else may have it for UDP.
      if (port === 0 && tries < PORT_TRIES) continue
      throw error
    }
    return listening(rules, host, chosen, tcp, udp)
  }
}

function listening(rules: DnsRules, host: string, port: number, tcp: Server, udp: UdpSocket): DnsServer {
  const open = new Set<Socket>()
  tcp.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  udp.on('message', (bytes, from) => {
    const reply = respond(rules, bytes, 'udp')
    // An answer that cannot be sent is a lost packet, which UDP allows.
    if (reply !== undefined) udp.send(reply, from.port, from.address, () => undefined)
  })
  udp.on('error', () => undefined)
  return {
    host,
    port,
    stop: async () => {
      const closed = [
        new Promise<void>((resolve) => tcp.close(() => resolve())),
        new Promise<void>((resolve) => udp.close(() => resolve())),
      ]
      for (const socket of open) socket.destroy()
      await Promise.all(closed)
    },
  }
}

function serveTcp(rules: DnsRules, socket: Socket): void {
  let pending = Buffer.alloc(0)
  socket.on('error', () => socket.destroy())
  socket.setTimeout(TCP_IDLE_TIMEOUT_MS, () => socket.destroy())
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0)
      const reply = respond(rules, pending.subarray(2, end), 'tcp')
      pending = pending.subarray(end)
      if (reply === undefined) continue
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      socket.write(Buffer.concat([length, reply]))
    }
  })
}

/** The answer to one packet, whatever is in it; undefined when none is due. */
export function respond(rules: DnsRules, bytes: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt8(2) & 0x80) !== 0) return undefined
  const id = bytes.readUInt16BE(0)
  let query: Packet
  try {
    query = decode(bytes)
  } catch {
    return headerOnly(id, RCODE.FORMERR)
  }
  if ((bytes.readUInt8(2) & 0x78) !== 0) return headerOnly(id, RCODE.NOTIMP)
  const [question] = query.questions ?? []
  if (question === undefined || query.questions?.length !== 1) return headerOnly(id, RCODE.FORMERR)
  const reply = answerQuestion(rules, question)
  if (reply === undefined) return undefined
  const edns = query.additionals?.find((record) => record.type === 'OPT')
  const flags =
    AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((query.flags ?? 0) & RECURSION_DESIRED) | reply.rcode
  const packet: Packet = {
    type: 'response',
    id,
    flags,
    questions: [question],
    answers: reply.answers,
    authorities: reply.authorities,
    additionals: edns === undefined ? [] : [EDNS_ANSWER],
  }
  try {
    const whole = encode(packet)
    const room = edns === undefined ? PLAIN_UDP_BYTES : Math.max(PLAIN_UDP_BYTES, edns.udpPayloadSize)
    if (transport === 'tcp' || whole.length <= room) return whole
    return encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, answers: [], authorities: [] })
  } catch {
    return headerOnly(id, RCODE.SERVFAIL)
  }
}

const EDNS_ANSWER: Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: EDNS_UDP_BYTES,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

function headerOnly(id: number, rcode: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x8000 | rcode, 2)
  return header
}

function listenTcp(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function bindUdp(socket: UdpSocket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', reject)
      resolve()
    })
  })
}
