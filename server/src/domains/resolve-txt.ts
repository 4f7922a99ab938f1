import { Resolver } from 'node:dns/promises'
import type { Lookup } from './domain.ts'

/** Looks up the TXT records at a name: each the list of its strings. Rejects like node:dns, and when `signal` aborts. */
export type ResolveTxt = (name: string, signal: AbortSignal) => Promise<readonly (readonly string[])[]>

const LOOKUP_TIMEOUT_MS = 5000
/** What is shown of a look-up is stored: a name can hold any number of records of any length. */
const MAX_RECORDS_SHOWN = 5
const MAX_CHARS_SHOWN = 1000

/** Asks these DNS servers (`192.0.2.53` or `192.0.2.53:5353`), or those of the machine when there are none. */
export function createResolveTxt(options: { servers?: readonly string[] } = {}): ResolveTxt {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout: LOOKUP_TIMEOUT_MS / 2, tries: 2 })
    if (options.servers !== undefined && options.servers.length > 0) resolver.setServers([...options.servers])
    const cancel = (): void => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await resolver.resolveTxt(name)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

/** A look-up as data, within a deadline: "there is none" is an answer, a broken DNS server is not. */
export async function lookUpTxt(resolveTxt: ResolveTxt, name: string): Promise<Lookup> {
  const signal = AbortSignal.timeout(LOOKUP_TIMEOUT_MS)
  const late = Promise.withResolvers<never>()
  signal.addEventListener('abort', () => late.reject(signal.reason), { once: true })
  // Nobody looks at it when the answer came in time.
  late.promise.catch(() => undefined)
  try {
    const records = await Promise.race([resolveTxt(name, signal), late.promise])
    const texts = records
      .slice(0, MAX_RECORDS_SHOWN)
      .map((strings) => strings.join('').slice(0, MAX_CHARS_SHOWN))
    return { kind: 'found', texts }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOTFOUND' || code === 'ENODATA') return { kind: 'found', texts: [] }
    return { kind: 'failed', reason: signal.aborted ? 'no answer in time' : code === '' ? 'no answer' : code }
  }
}
