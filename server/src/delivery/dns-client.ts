import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { connect, isIP } from 'node:net'
import * as packet from 'dns-packet'
import type { Clock } from '#platform/clock.ts'

export type DnsType = 'MX' | 'A' | 'AAAA' | 'TXT' | 'CNAME' | 'TLSA'

/** What the domain name system said. `failure` is transient: nothing was learned. */
export type DnsResult =
  | {
      readonly kind: 'answer'
      readonly exists: boolean
      readonly answers: readonly packet.Answer[]
      /** How long "there is none" may be believed (RFC 2308 5), in seconds; undefined when no SOA came with it. */
      readonly negativeTtl: number | undefined
      /** The name server says that DNSSEC proves it (RFC 4035 3.2.3). False unless the client was told to believe that. */
      readonly isAuthentic: boolean
    }
  | { readonly kind: 'failure'; readonly reason: string }

export interface DnsClient {
  /** Asks the servers in turn until one answers or `signal` is aborted. Never rejects. */
  query(name: string, type: DnsType, signal: AbortSignal): Promise<DnsResult>
}

export interface DnsServer {
  readonly address: string
  readonly port: number
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`. Throws on anything else. */
export function parseDnsServer(text: string): DnsServer {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text)
  const address = isIP(text) === 0 ? (match?.[1] ?? match?.[2] ?? '') : text
  const port = isIP(text) === 0 ? Number(match?.[3] ?? 53) : 53
  if (isIP(address) === 0 || port < 1 || port > 65_535) {
    throw new TypeError(`"${text}" is not a DNS server: write an IP address, or an address and a port.`)
  }
  return { address, port }
}

/** RFC 9715: larger answers are fragmented, so ask for TCP instead. */
const UDP_PAYLOAD_OCTETS = 1232
const MAX_TCP_OCTETS = 65_535 + 2

/**
 * A stub client (RFC 1035) that gives what node:dns does not: the TTL of MX records, and the difference between
 * "does not exist" and "could not be asked". Each question has a socket and an id of its own.
 */
export function createDnsClient(options: {
  readonly servers: readonly DnsServer[]
  readonly tryMs: number
  readonly rounds: number
  readonly clock: Clock
  /** Whether the servers validate DNSSEC and nobody on the way can change what they say; default false. */
  readonly trustsAd?: boolean
}): DnsClient {
  async function query(name: string, type: DnsType, signal: AbortSignal): Promise<DnsResult> {
    let reason = 'there is no DNS server to ask'
    for (let round = 0; round < options.rounds; round += 1) {
      for (const server of options.servers) {
        if (signal.aborted) return { kind: 'failure', reason }
        const result = await askOne(server, name, type, signal, options)
        if (result.kind === 'answer') return result
        reason = `${server.address}: ${result.reason}`
      }
    }
    return { kind: 'failure', reason }
  }
  return { query }
}

type Exchange = (server: DnsServer, question: Buffer, signal: AbortSignal) => Promise<Buffer>

async function askOne(
  server: DnsServer,
  name: string,
  type: DnsType,
  signal: AbortSignal,
  options: { readonly tryMs: number; readonly clock: Clock; readonly trustsAd?: boolean },
): Promise<DnsResult> {
  const stop = new AbortController()
  const limit = AbortSignal.any([signal, stop.signal])
  // Aborting also ends the sleep, so that no timer is left behind.
  void options.clock.sleep(options.tryMs, limit).then(() => stop.abort(new Error('no answer in time')))
  try {
    const asked: Asked = { name, type, wantsAd: options.trustsAd ?? false, edns: true }
    let reply = await exchange(askUdp, server, asked, limit)
    // RFC 6891 7: a server that does not know EDNS says so.
    if (reply.rcode === 'FORMERR' || reply.rcode === 'NOTIMP') {
      reply = await exchange(askUdp, server, { ...asked, edns: false }, limit)
    }
    if (reply.flag_tc) reply = await exchange(askTcp, server, asked, limit)
    return resultOf(reply, options.trustsAd ?? false)
  } catch (error) {
    return { kind: 'failure', reason: error instanceof Error ? error.message : String(error) }
  } finally {
    stop.abort()
  }
}

type Reply = packet.DecodedPacket & { readonly rcode?: string }

interface Asked {
  readonly name: string
  readonly type: DnsType
  readonly wantsAd: boolean
  readonly edns: boolean
}

async function exchange(
  ask: Exchange,
  server: DnsServer,
  { name, type, wantsAd, edns }: Asked,
  signal: AbortSignal,
): Promise<Reply> {
  signal.throwIfAborted()
  const id = randomInt(65_536)
  const opt: packet.OptAnswer = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: UDP_PAYLOAD_OCTETS,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
  const question = packet.encode({
    type: 'query',
    id,
    // AD in a question asks for AD in the answer, without the signatures that DO would bring (RFC 6840 5.7).
    flags: packet.RECURSION_DESIRED | (wantsAd ? packet.AUTHENTIC_DATA : 0),
    questions: [{ type, name }],
    additionals: edns ? [opt] : [],
  })
  const reply: Reply = packet.decode(await ask(server, question, signal))
  const echoed = reply.questions?.[0]
  // An error reply may come without its question (RFC 1035 leaves it open, some servers do).
  const isOurs = echoed === undefined || (echoed.type === type && echoed.name.toLowerCase() === name)
  if (reply.id !== id || !reply.flag_qr || !isOurs)
    throw new Error('an answer that does not belong to the question')
  return reply
}

function resultOf(reply: Reply, trustsAd: boolean): DnsResult {
  const rcode = reply.rcode ?? ''
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return { kind: 'failure', reason: rcode || 'no status' }
  const soa = (reply.authorities ?? []).find((record) => record.type === 'SOA')
  const negativeTtl =
    soa === undefined ? undefined : Math.min(soa.ttl ?? 0, soa.data.minimum ?? Number.MAX_SAFE_INTEGER)
  return {
    kind: 'answer',
    exists: rcode === 'NOERROR',
    answers: reply.answers ?? [],
    negativeTtl,
    isAuthentic: trustsAd && reply.flag_ad,
  }
}

/** A connected socket takes packets from this server only, and learns of a closed port at once. */
function askUdp(server: DnsServer, question: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(server.address) === 6 ? 'udp6' : 'udp4')
    const end = (): void => {
      signal.removeEventListener('abort', onAbort)
      socket.close()
    }
    const fail = (error: Error): void => {
      end()
      reject(error)
    }
    const onAbort = (): void => fail(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', fail)
    socket.on('message', (message) => {
      // A late or forged packet with another id is not the answer; the true one may still come.
      if (message.length < 12 || message.readUInt16BE(0) !== question.readUInt16BE(0)) return
      end()
      resolve(message)
    })
    socket.connect(server.port, server.address, () => {
      if (!signal.aborted) socket.send(question)
    })
  })
}

function askTcp(server: DnsServer, question: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port })
    let received = Buffer.alloc(0)
    const end = (): void => {
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
    }
    const fail = (error: Error): void => {
      end()
      reject(error)
    }
    const onAbort = (): void => fail(abortReason(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server closed the connection')))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length > MAX_TCP_OCTETS) return fail(new Error('an answer that is too long'))
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return undefined
      end()
      return resolve(received.subarray(2, 2 + received.readUInt16BE(0)))
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(question.length)
    socket.write(Buffer.concat([length, question]))
  })
}

function abortReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason
  return reason instanceof Error ? reason : new Error('given up')
}
