import type { Clock } from '#platform/clock.ts'

export interface VisitorLimits {
  readonly connectionsPerAddress: number
  readonly mailsPerMinute: number
}

/** Counts what other servers do, by address; of IPv6 by network of 64 bits, which one machine may have alone. */
export interface Visitors {
  /** Whether one more connection may come; then it is counted until `leave`. */
  enter(connection: string, ip: string): boolean
  leave(connection: string): void
  /** Whether one more mail may come in this minute; then it is counted. */
  mail(ip: string): boolean
}

const MINUTE_MS = 60_000
/** Addresses that are counted in a minute. When there are more, new ones wait for the next. */
const MAX_COUNTED = 100_000

export function createVisitors(deps: { readonly clock: Clock }, limits: VisitorLimits): Visitors {
  const open = new Map<string, string>()
  const connections = new Map<string, number>()
  const mails = new Map<string, number>()
  let minute = deps.clock.monotonicMs()
  return {
    enter: (connection, ip) => {
      const visitor = networkOf(ip)
      const count = connections.get(visitor) ?? 0
      if (count >= limits.connectionsPerAddress) return false
      open.set(connection, visitor)
      connections.set(visitor, count + 1)
      return true
    },
    leave: (connection) => {
      const visitor = open.get(connection)
      if (visitor === undefined) return
      open.delete(connection)
      const left = (connections.get(visitor) ?? 1) - 1
      if (left === 0) connections.delete(visitor)
      else connections.set(visitor, left)
    },
    mail: (ip) => {
      const now = deps.clock.monotonicMs()
      if (now - minute >= MINUTE_MS) {
        mails.clear()
        minute = now
      }
      const visitor = networkOf(ip)
      const count = mails.get(visitor) ?? 0
      if (count >= limits.mailsPerMinute || (count === 0 && mails.size >= MAX_COUNTED)) return false
      mails.set(visitor, count + 1)
      return true
    },
  }
}

/** An IPv4 address, also one written as IPv6 (RFC 4291, 2.5.5.2), or the first 64 bits of an IPv6 address. */
export function networkOf(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1]
  if (mapped !== undefined || !ip.includes(':')) return mapped ?? ip
  const [head = '', tail] = ip.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0')
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
