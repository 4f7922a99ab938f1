export type MessageClass = 'bulk' | 'transactional'

/** What a queue must know of each of its items. */
export interface Queued {
  readonly tenantId: string
  readonly messageClass: MessageClass
}

export interface FairQueue<T extends Queued> {
  push(item: T): void
  /** Back to the front of its tenant, e.g. because what it needs is not free. */
  unshift(item: T): void
  /** The next one whose turn it is, of the tenants that may send now; undefined when there is none. */
  shift(maySend?: (tenantId: string) => boolean): T | undefined
  size(): number
  /** Takes out what is gone, and returns it. */
  remove(isGone: (item: T) => boolean): T[]
}

/** Of so many turns bulk mail gets one while transactional mail waits: nobody starves, and a password reset is not behind a newsletter. */
const BULK_TURN = 10

/**
 * Tenants take turns (deficit round-robin with a quantum of one message, since messages of a lane cost it the same),
 * transactional mail before bulk. Each operation costs the same at any length.
 */
export function createFairQueue<T extends Queued>(): FairQueue<T> {
  const classes = { transactional: createTurns<T>(), bulk: createTurns<T>() }
  let turn = 0
  return {
    push: (item) => classes[item.messageClass].push(item),
    unshift: (item) => classes[item.messageClass].unshift(item),
    shift: (maySend = () => true) => {
      const { transactional, bulk } = classes
      if (transactional.size() === 0) return bulk.shift(maySend)
      turn = (turn + 1) % BULK_TURN
      const [first, second] = turn === 0 ? [bulk, transactional] : [transactional, bulk]
      return first.shift(maySend) ?? second.shift(maySend)
    },
    size: () => classes.transactional.size() + classes.bulk.size(),
    remove: (isGone) => [...classes.transactional.remove(isGone), ...classes.bulk.remove(isGone)],
  }
}

interface Turns<T extends Queued> {
  push(item: T): void
  unshift(item: T): void
  shift(maySend: (tenantId: string) => boolean): T | undefined
  size(): number
  remove(isGone: (item: T) => boolean): T[]
}

/** One queue a tenant. A map keeps the order of insertion: who has had a turn is inserted again, at the end. */
function createTurns<T extends Queued>(): Turns<T> {
  const tenants = new Map<string, Fifo<T>>()
  let size = 0

  function queueOf(tenantId: string): Fifo<T> {
    const known = tenants.get(tenantId)
    if (known !== undefined) return known
    const queue = createFifo<T>()
    tenants.set(tenantId, queue)
    return queue
  }

  return {
    push: (item) => {
      queueOf(item.tenantId).push(item)
      size += 1
    },
    unshift: (item) => {
      queueOf(item.tenantId).unshift(item)
      size += 1
    },
    shift: (maySend) => {
      for (const [tenantId, queue] of tenants) {
        if (!maySend(tenantId)) continue
        const item = queue.shift()
        tenants.delete(tenantId)
        if (queue.size() > 0) tenants.set(tenantId, queue)
        size -= 1
        return item
      }
      return undefined
    },
    size: () => size,
    remove: (isGone) => {
      const gone: T[] = []
      for (const [tenantId, queue] of tenants) {
        gone.push(...queue.remove(isGone))
        if (queue.size() === 0) tenants.delete(tenantId)
      }
      size -= gone.length
      return gone
    },
  }
}

interface Fifo<T> {
  push(item: T): void
  unshift(item: T): void
  shift(): T | undefined
  size(): number
  remove(isGone: (item: T) => boolean): T[]
}

/** A first-in-first-out queue whose `shift` costs the same at any length. */
function createFifo<T>(): Fifo<T> {
  let items: T[] = []
  let head = 0
  return {
    push: (item) => void items.push(item),
    unshift: (item) => {
      if (head > 0) items[--head] = item
      else items.unshift(item)
    },
    shift: () => {
      const item = items[head]
      if (item === undefined) return undefined
      head++
      if (head > 1024 && head * 2 > items.length) {
        items = items.slice(head)
        head = 0
      }
      return item
    },
    size: () => items.length - head,
    remove: (isGone) => {
      const all = items.slice(head)
      const gone = all.filter(isGone)
      if (gone.length > 0) {
        items = all.filter((item) => !isGone(item))
        head = 0
      }
      return gone
    },
  }
}
