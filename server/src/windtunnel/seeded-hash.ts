const TWO_TO_21 = 2_097_152
const TWO_TO_53 = 9_007_199_254_740_992

/**
 * A 53-bit hash of a text, the same in every run. Two 32-bit lanes over the UTF-16 units, each stirred at the end
 * so that near texts fall far apart. For choosing and counting, not for secrets.
 */
export function seededHash(seed: number, text: string): number {
  let high = (seed ^ 0x9e3779b9) | 0
  let low = (seed ^ 0x85ebca6b) | 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    high = Math.imul(high ^ unit, 0x01000193)
    high = (high << 13) | (high >>> 19)
    low = Math.imul(low ^ unit, 0x5bd1e995)
    low ^= low >>> 15
  }
  high = stir(high ^ text.length ^ (low >>> 7))
  low = stir(low ^ Math.imul(high, 0x27d4eb2f))
  return (high >>> 11) * 4_294_967_296 + (low >>> 0)
}

function stir(lane: number): number {
  let mixed = lane ^ (lane >>> 16)
  mixed = Math.imul(mixed, 0x7feb352d)
  mixed ^= mixed >>> 15
  mixed = Math.imul(mixed, 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}

/** The hash as a share from 0 (inclusive) to 1 (exclusive). */
export function seededShare(seed: number, text: string): number {
  return seededHash(seed, text) / TWO_TO_53
}

/** A short identifier as mail servers print them, derived from a number. */
export function queueId(seed: number, number: number): string {
  return (seededHash(seed, `id ${number}`) % (TWO_TO_53 / TWO_TO_21))
    .toString(36)
    .toUpperCase()
    .padStart(7, '0')
}
