import { BlockList, isIPv4 } from 'node:net'

/** What a look-up gave. "There is none" is an answer of its own: `found` and empty. */
export type Lookup =
  | { readonly kind: 'found'; readonly values: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string }

export interface PtrResult {
  /** The name that the address leads to; null when there is none or it could not be asked. */
  readonly name: string | null
  /** What is wrong and what to do about it; null: nothing. */
  readonly problem: string | null
}

/** What is shown of names that strangers publish. */
const MAX_NAMES_SHOWN = 3

/**
 * Whether an address and the name it gives in EHLO lead to each other: reverse and forward (iprev, RFC 8601, section
 * 3; Gmail and others refuse mail from addresses where they do not). `names` are those of the address, `addresses`
 * those of the EHLO name.
 */
export function judgePtr(
  asked: { readonly address: string; readonly ehloName: string },
  names: Lookup,
  addresses: Lookup,
): PtrResult {
  const { address, ehloName } = asked
  if (names.kind === 'failed') return failed(null, `The name of ${address}`, names.reason)
  const known = names.values.map((name) => name.toLowerCase().replace(/\.$/, ''))
  const [first] = known
  if (first === undefined) {
    const problem = `${address} has no PTR record. Ask whoever gave you the address to set it to ${ehloName}.`
    return { name: null, problem }
  }
  if (!known.includes(ehloName.toLowerCase())) {
    const shown = known.slice(0, MAX_NAMES_SHOWN).join(', ')
    const problem = `The PTR record of ${address} is ${shown}, and the source says ${ehloName}. Have the record set to ${ehloName}, or set ehlo_name to ${first}.`
    return { name: first, problem }
  }
  if (addresses.kind === 'failed') return failed(ehloName, `The address of ${ehloName}`, addresses.reason)
  if (addresses.values.some((each) => isSameAddress(each, address))) return { name: ehloName, problem: null }
  const record = `Publish ${isIPv4(address) ? 'an A' : 'an AAAA'} record: ${ehloName} to ${address}.`
  const shown = addresses.values.slice(0, MAX_NAMES_SHOWN).join(', ')
  const problem = `${address} leads to ${ehloName}, which leads ${shown === '' ? 'nowhere' : `to ${shown}`}. ${record}`
  return { name: ehloName, problem }
}

function failed(name: string | null, what: string, reason: string): PtrResult {
  return { name, problem: `${what} could not be looked up (${reason}). Check again in a few minutes.` }
}

/** However the two are written. */
function isSameAddress(one: string, other: string): boolean {
  const family = isIPv4(other) ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  list.addAddress(other, family)
  return isIPv4(one) === (family === 'ipv4') && list.check(one, family)
}
