const FIRST_CAPACITY = 1024

/** Recipients by when they are due, the earliest first: 12 bytes each. */
export interface DueHeap {
  readonly size: number
  /** Infinity when it is empty. */
  earliest(): number
  push(dueMs: number, recipient: number): void
  /** The recipient that is due first. Throws a RangeError when there is none. */
  pop(): number
}

/** A binary heap in two typed arrays; of two that are due together the smaller number comes first. */
export function createDueHeap(): DueHeap {
  let dues = new Float64Array(FIRST_CAPACITY)
  let recipients = new Int32Array(FIRST_CAPACITY)
  let size = 0
  const due = (at: number): number => dues[at] ?? Number.POSITIVE_INFINITY
  const recipient = (at: number): number => recipients[at] ?? 0
  const isBefore = (dueMs: number, id: number, at: number): boolean =>
    dueMs < due(at) || (dueMs === due(at) && id < recipient(at))

  const put = (at: number, dueMs: number, id: number): void => {
    dues[at] = dueMs
    recipients[at] = id
  }

  const grow = (): void => {
    const [oldDues, oldRecipients] = [dues, recipients]
    dues = new Float64Array(size * 2)
    recipients = new Int32Array(size * 2)
    dues.set(oldDues)
    recipients.set(oldRecipients)
  }

  const sink = (dueMs: number, id: number): void => {
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1
      const smaller = right < size && isBefore(due(right), recipient(right), child) ? right : child
      if (isBefore(dueMs, id, smaller)) break
      put(at, due(smaller), recipient(smaller))
      at = smaller
    }
    put(at, dueMs, id)
  }

  return {
    get size() {
      return size
    },
    earliest: () => (size === 0 ? Number.POSITIVE_INFINITY : due(0)),
    push: (dueMs, id) => {
      if (size === dues.length) grow()
      let at = size
      size += 1
      for (let parent = (at - 1) >> 1; at > 0 && isBefore(dueMs, id, parent); parent = (at - 1) >> 1) {
        put(at, due(parent), recipient(parent))
        at = parent
      }
      put(at, dueMs, id)
    },
    pop: () => {
      if (size === 0) throw new RangeError('Nobody is due.')
      const first = recipient(0)
      size -= 1
      if (size > 0) sink(due(size), recipient(size))
      return first
    },
  }
}
