/** How many connections one address of a receiver takes from us, whoever of ours has them. */
export interface AddressLimits {
  opened(address: string): void
  closed(address: string): void
  /** It refuses another one: what is open now is its limit for a while. False when nothing is open, so it means something else. */
  learn(address: string, nowMs: number): boolean
  isFull(address: string, nowMs: number): boolean
}

/** A limit that was learned is believed for this long. */
const LEARNED_MS = 60_000

/**
 * Domains of several providers may have one server, which counts connections of all of them: who has connections there
 * must give some to who has none.
 */
export function createAddressLimits(): AddressLimits {
  const open = new Map<string, number>()
  const learned = new Map<string, { readonly limit: number; readonly until: number }>()
  return {
    opened: (address) => void open.set(address, (open.get(address) ?? 0) + 1),
    closed: (address) => {
      const left = (open.get(address) ?? 0) - 1
      if (left > 0) open.set(address, left)
      else open.delete(address)
    },
    learn: (address, nowMs) => {
      const limit = open.get(address) ?? 0
      if (limit > 0) learned.set(address, { limit, until: nowMs + LEARNED_MS })
      return limit > 0
    },
    isFull: (address, nowMs) => {
      const known = learned.get(address)
      if (known === undefined) return false
      if (nowMs < known.until) return (open.get(address) ?? 0) >= known.limit
      learned.delete(address)
      return false
    },
  }
}
