import { createSocket } from 'node:dgram'
import * as packet from 'dns-packet'
import type { TestScope } from './database.ts'

/** What a name has: records, those that DNSSEC proves, or a fault of the server. */
export type FakeRecords =
  | readonly packet.Answer[]
  | { readonly secure: readonly packet.Answer[] }
  | 'nxdomain'
  | 'servfail'

export interface FakeDns {
  /** `address:port`. */
  readonly server: string
  /** `TYPE name`, in the order of the questions. */
  readonly asked: string[]
  /** `TYPE name` to what is answered; a test changes it as it goes on. */
  readonly zone: Map<string, FakeRecords>
}

const NXDOMAIN = 3
const SERVFAIL = 2

/** A validating name server on loopback. A name that is not in the zone has no records. AD is set only when asked for. */
export async function startFakeDns(
  t: TestScope,
  records: Readonly<Record<string, FakeRecords>> = {},
): Promise<FakeDns> {
  const asked: string[] = []
  const zone = new Map(Object.entries(records))
  const socket = createSocket('udp4')
  socket.on('message', (octets, from) => {
    const query = packet.decode(octets)
    const question = query.questions?.[0]
    if (question === undefined) return
    const key = `${question.type} ${question.name.toLowerCase()}`
    asked.push(key)
    socket.send(answer(zone.get(key) ?? [], query, question), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  t.after(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  return { server: `127.0.0.1:${socket.address().port}`, asked, zone }
}

function answer(found: FakeRecords, query: packet.DecodedPacket, question: packet.Question): Buffer {
  const status = found === 'nxdomain' ? NXDOMAIN : found === 'servfail' ? SERVFAIL : 0
  const isSecure = typeof found === 'object' && 'secure' in found && query.flag_ad
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: packet.RECURSION_DESIRED | status | (isSecure ? packet.AUTHENTIC_DATA : 0),
    questions: [question],
    answers: typeof found === 'string' ? [] : 'secure' in found ? [...found.secure] : [...found],
  })
}

export const record = {
  mx: (name: string, preference: number, exchange: string): packet.Answer => ({
    type: 'MX',
    name,
    ttl: 300,
    data: { preference, exchange },
  }),
  a: (name: string, data: string): packet.Answer => ({ type: 'A', name, ttl: 300, data }),
  cname: (name: string, data: string): packet.Answer => ({ type: 'CNAME', name, ttl: 300, data }),
  txt: (name: string, data: string): packet.Answer => ({ type: 'TXT', name, ttl: 300, data: [data] }),
  tlsa: (
    name: string,
    [usage, selector, matchingType]: readonly [number, number, number],
    certificate: Buffer,
  ): packet.Answer => ({
    type: 'TLSA',
    name,
    ttl: 300,
    data: { usage, selector, matchingType, certificate },
  }),
}
