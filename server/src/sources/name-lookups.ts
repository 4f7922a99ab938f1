import { Resolver } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import type { Lookup } from './ptr.ts'

/** Both directions between names and addresses. They reject like node:dns, and when `signal` aborts. */
export interface NameLookups {
  namesOf(address: string, signal: AbortSignal): Promise<readonly string[]>
  /** Addresses of the same family as `like`. */
  addressesOf(name: string, like: string, signal: AbortSignal): Promise<readonly string[]>
}

export const LOOKUP_DEADLINE_MS = 5_000
/** A name can have any number of addresses, and an address any number of names: RFC 7208, section 4.6.4, looks at ten. */
const MAX_VALUES = 10

/** Asks these DNS servers (`192.0.2.53` or `192.0.2.53:5353`), or those of the machine when there are none. */
export function createNameLookups(options: { servers?: readonly string[] } = {}): NameLookups {
  const ask = async <T>(signal: AbortSignal, question: (resolver: Resolver) => Promise<T>): Promise<T> => {
    const resolver = new Resolver({ timeout: LOOKUP_DEADLINE_MS / 2, tries: 2 })
    if (options.servers !== undefined && options.servers.length > 0) resolver.setServers([...options.servers])
    const cancel = (): void => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await question(resolver)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
  return {
    namesOf: (address, signal) => ask(signal, (resolver) => resolver.reverse(address)),
    addressesOf: (name, like, signal) =>
      ask(signal, (resolver) => (isIPv4(like) ? resolver.resolve4(name) : resolver.resolve6(name))),
  }
}

/** A look-up as data, within a deadline: "there is none" is an answer, a broken DNS server is not. */
export async function lookUp(
  question: (signal: AbortSignal) => Promise<readonly string[]>,
  deadlineMs: number = LOOKUP_DEADLINE_MS,
): Promise<Lookup> {
  const signal = AbortSignal.timeout(deadlineMs)
  const late = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => late.reject(signal.reason), { once: true })
  // Nobody looks at it when the answer came in time.
  late.promise.catch(() => undefined)
  try {
    const values = await Promise.race([question(signal), late.promise])
    return { kind: 'found', values: values.slice(0, MAX_VALUES) }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOTFOUND' || code === 'ENODATA') return { kind: 'found', values: [] }
    return { kind: 'failed', reason: signal.aborted ? 'no answer in time' : code === '' ? 'no answer' : code }
  }
}
