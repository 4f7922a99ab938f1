import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { isPrivateAddress } from '#delivery/private-address.ts'
import { Problem } from '#platform/problem.ts'

/** As Node's own connections look names up. */
export type AddressLookup = LookupFunction

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The URL of a relay's API. https only, without credentials, query or fragment; on loopback plain http too, where
 * `allowPrivate` says so (tests, and sandboxes on one machine). Throws a Problem.
 */
export function parseEndpoint(text: string, options: { readonly allowPrivate: boolean }): URL {
  const url = URL.parse(text)
  if (url === null) throw badEndpoint('The endpoint of a relay is a URL: https://host or https://host:port.')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw badEndpoint('The endpoint of a relay has no user, password, query or fragment in it.')
  }
  const isLoopback = LOOPBACK.has(url.hostname)
  if (isLoopback && !options.allowPrivate) {
    throw badEndpoint('The endpoint of a relay must not be this machine.')
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback)) {
    throw badEndpoint('The endpoint of a relay begins with https://.')
  }
  // Node does not look up an address that is written as one, so the guard of the look-up would not see it.
  if (!options.allowPrivate && isWrittenPrivate(url.hostname)) {
    throw badEndpoint('The endpoint of a relay must not be a private address.')
  }
  return url
}

/**
 * Looks names up as the system does, and leaves out private addresses: a name that leads into our own network must not
 * take a request there, however it came to (server-side request forgery, rebinding).
 */
export function guardedLookup(
  options: { readonly allowPrivate: boolean },
  lookup: AddressLookup = systemLookup,
): AddressLookup {
  if (options.allowPrivate) return lookup
  return (hostname, how, callback) => {
    lookup(hostname, { ...how, all: true }, (error, found) => {
      const addresses = typeof found === 'string' ? [] : found.filter((one) => !isPrivateAddress(one.address))
      if (error === null && addresses.length === 0) {
        const refused: NodeJS.ErrnoException = new Error(`${hostname} has no public address`)
        return callback(Object.assign(refused, { code: 'EPRIVATE' }), [])
      }
      return answerLookup(how.all === true, error, addresses, callback)
    })
  }
}

function answerLookup(
  isAll: boolean,
  error: NodeJS.ErrnoException | null,
  addresses: LookupAddress[],
  callback: Parameters<AddressLookup>[2],
): void {
  const [first] = addresses
  if (isAll || first === undefined) callback(error, addresses)
  else callback(error, first.address, first.family)
}

function badEndpoint(message: string): Problem {
  return new Problem('invalid', 'relays.bad_endpoint', message)
}

function isWrittenPrivate(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return /^[\d.]+$|:/.test(bare) && isPrivateAddress(bare)
}
