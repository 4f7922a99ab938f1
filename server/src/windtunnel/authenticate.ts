import { spf } from 'mailauth/lib/spf/index.js'
import type { Clock } from '#platform/clock.ts'
import { createBoundedMap } from './bounded-map.ts'
import { domainOf } from './judge.ts'
import { isWithin } from './provider-lookup.ts'
import { fullBucket, takeToken } from './rates.ts'
import { verifyDkim } from './read-message.ts'
import type { Zone } from './zone.ts'

const MAX_HEADER_BYTES = 64 * 1024
const MAX_TRUSTED = 1000
/** One verification takes about 2 ms: senders that passed are looked at again so often, whatever they send. */
const CHECKS_OF_TRUSTED_PER_SECOND = 25

export interface MessageToAuthenticate {
  readonly ip: string
  readonly mailFrom: string
  readonly content: Buffer
}

/** Whether SPF and DKIM pass for a domain that is aligned with the one in From (RFC 7489, 3.1, relaxed). */
export interface Authentication {
  /** Domain in From; empty when there is none. */
  readonly from: string
  readonly isSpfAligned: boolean
  readonly isDkimAligned: boolean
}

/**
 * Verifies senders by the records in the windtunnel's zone. Whoever has not passed is verified every time; a sender
 * that has (same address, same domains) is believed when it sends faster than messages can be verified.
 */
export function createAuthenticator(deps: {
  readonly zone: Zone
  readonly clock: Pick<Clock, 'monotonicMs'>
}): (message: MessageToAuthenticate) => Promise<Authentication> {
  const trusted = createBoundedMap<string, Authentication>(MAX_TRUSTED)
  const budget = fullBucket(deps.clock.monotonicMs())
  const rate = { perSecond: CHECKS_OF_TRUSTED_PER_SECOND, burst: CHECKS_OF_TRUSTED_PER_SECOND }
  return async (message) => {
    const from = fromDomain(message.content)
    const key = `${message.ip} ${domainOf(message.mailFrom)} ${from}`
    const known = trusted.get(key)
    if (known !== undefined && !takeToken(budget, rate, deps.clock.monotonicMs())) return known
    const found = await verify(deps.zone, message, from)
    if (found.isSpfAligned || found.isDkimAligned) trusted.set(key, found)
    else trusted.delete(key)
    return found
  }
}

async function verify(zone: Zone, message: MessageToAuthenticate, from: string): Promise<Authentication> {
  if (from === '') return { from, isSpfAligned: false, isDkimAligned: false }
  const [isSpfAligned, isDkimAligned] = await Promise.all([
    passesSpf(zone, message, from),
    passesDkim(zone, message.content, from),
  ])
  return { from, isSpfAligned, isDkimAligned }
}

async function passesDkim(zone: Zone, content: Buffer, from: string): Promise<boolean> {
  try {
    const verdicts = await verifyDkim({ zone }, content)
    return verdicts.some(({ result, domain }) => result === 'pass' && isAligned(domain, from))
  } catch {
    // A message that cannot be read carries no signature that can be believed.
    return false
  }
}

async function passesSpf(
  zone: Zone,
  { ip, mailFrom }: MessageToAuthenticate,
  from: string,
): Promise<boolean> {
  const domain = domainOf(mailFrom)
  if (mailFrom === '' || !isAligned(domain, from) || zone.lookup(domain, 'TXT').length === 0) return false
  try {
    const { status } = await spf({ sender: mailFrom, ip, resolver: zoneResolver(zone) })
    return status.result === 'pass'
  } catch {
    return false
  }
}

/** The zone in the shape of node:dns, which the verifier asks: what an SPF record may refer to, but for `mx`. */
function zoneResolver(zone: Zone) {
  return async (name: string, type: string): Promise<string[] | string[][]> => {
    if (type === 'TXT' || type === 'A' || type === 'AAAA') {
      const found = zone.lookup(name, type)
      if (found.length > 0) return type === 'TXT' ? found.map((text) => [text]) : [...found]
    }
    throw Object.assign(new Error(`no ${type} record for ${name}`), { code: 'ENOTFOUND' })
  }
}

/** One within the other: without a list of public suffixes this is as near as one comes to the same organisation. */
function isAligned(domain: string, from: string): boolean {
  const name = domain.toLowerCase()
  return isWithin(name, from) || isWithin(from, name)
}

/** The domain of the mailbox in From, in lower case; empty when there is none. */
export function fromDomain(content: Buffer): string {
  const blank = content.indexOf('\r\n\r\n')
  const header = content.toString(
    'utf8',
    0,
    Math.min(blank === -1 ? content.length : blank, MAX_HEADER_BYTES),
  )
  const field = /^from:((?:[^\r\n]|\r?\n[ \t])*)/im.exec(header)?.[1] ?? ''
  const mailbox = /<([^<>]*)>\s*$/.exec(field)?.[1] ?? field
  return /@([^\s@<>",;()]+)\s*$/.exec(mailbox)?.[1]?.toLowerCase() ?? ''
}
