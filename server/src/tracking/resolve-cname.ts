import { Resolver } from 'node:dns/promises'

/** The names that a name is an alias of. Rejects like node:dns, and when `signal` aborts. */
export type ResolveCname = (name: string, signal: AbortSignal) => Promise<readonly string[]>

const TRY_MS = 2_500

/** Asks these DNS servers (`192.0.2.53` or `192.0.2.53:5353`), or those of the machine when there are none. */
export function createResolveCname(options: { servers?: readonly string[] } = {}): ResolveCname {
  return async (name, signal) => {
    const resolver = new Resolver({ timeout: TRY_MS, tries: 2 })
    if (options.servers !== undefined && options.servers.length > 0) resolver.setServers([...options.servers])
    const cancel = (): void => resolver.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      return await resolver.resolveCname(name)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}
