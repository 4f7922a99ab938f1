/** A map that forgets its oldest entries when it is full. */
export interface BoundedMap<Key, Value> {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): void
  entries(): Iterable<readonly [Key, Value]>
  clear(): void
}

export function createBoundedMap<Key, Value>(maxEntries: number): BoundedMap<Key, Value> {
  const map = new Map<Key, Value>()
  return {
    get: (key) => map.get(key),
    set: (key, value) => {
      if (map.size >= maxEntries && !map.has(key)) {
        const oldest = map.keys().next()
        if (oldest.done !== true) map.delete(oldest.value)
      }
      map.set(key, value)
    },
    delete: (key) => void map.delete(key),
    entries: () => map.entries(),
    clear: () => map.clear(),
  }
}
