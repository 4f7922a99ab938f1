const FIRST_SLOTS = 1 << 14
/** 2^24 deliveries in 256 MB. A run that goes further is told its duplicates are no longer counted. */
const MAX_SLOTS = 1 << 25
const FULLEST = 0.5

/** Which deliveries were seen before, as 53-bit hashes: 8 to 32 bytes each, so that a million costs little. */
export interface SeenSet {
  /** True when the hash is new. */
  add(hash: number): boolean
  readonly size: number
  clear(): void
}

/** Open addressing with linear probing in one Float64Array; 0 marks a free slot. */
export function createSeenSet(maxSlots: number = MAX_SLOTS): SeenSet {
  let slots = new Float64Array(FIRST_SLOTS)
  let size = 0

  const slotOf = (table: Float64Array, key: number): number => {
    let at = key % table.length
    for (let found = table[at]; found !== 0 && found !== key; found = table[at])
      at = at + 1 === table.length ? 0 : at + 1
    return at
  }

  const grow = () => {
    const larger = new Float64Array(slots.length * 2)
    for (const key of slots) if (key !== 0) larger[slotOf(larger, key)] = key
    slots = larger
  }

  return {
    add: (hash) => {
      const key = hash === 0 ? 1 : hash
      const at = slotOf(slots, key)
      if (slots[at] === key) return false
      if (size + 1 > slots.length * FULLEST) {
        if (slots.length >= maxSlots) return true
        grow()
        slots[slotOf(slots, key)] = key
      } else {
        slots[at] = key
      }
      size += 1
      return true
    },
    get size() {
      return size
    },
    clear: () => {
      slots = new Float64Array(FIRST_SLOTS)
      size = 0
    },
  }
}
