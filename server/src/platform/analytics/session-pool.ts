/** Something that runs one statement at a time. */
export interface Slot<Session> {
  readonly session: Session
  release(): void
}

export class PoolRefusal extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PoolRefusal'
  }
}

interface Waiting<Session> {
  readonly isRead: boolean
  readonly grant: (slot: Slot<Session>) => void
}

export interface SessionPool<Session> {
  /** A free session, or the next one in turn. Rejects with PoolRefusal when the queue is full or `signal` is aborted. */
  take(options: { isRead: boolean; signal: AbortSignal }): Promise<Slot<Session>>
  /** Sessions in use and statements that wait. */
  load(): { running: number; waiting: number }
}

/** Shares sessions among statements. One session is kept free of reads, so that reports never hold up an insert. */
export function createSessionPool<Session>(
  sessions: readonly Session[],
  options: { maxWaiting: number },
): SessionPool<Session> {
  const free = [...sessions]
  const waiting: Waiting<Session>[] = []
  const maxReads = Math.max(1, sessions.length - 1)
  let reads = 0

  function mayRun(isRead: boolean): boolean {
    return free.length > 0 && (!isRead || reads < maxReads)
  }

  function start(isRead: boolean): Slot<Session> {
    const session = free.pop()
    if (session === undefined) throw new Error('No session is free.')
    if (isRead) reads++
    let isReleased = false
    return {
      session,
      release: () => {
        if (isReleased) return
        isReleased = true
        if (isRead) reads--
        free.push(session)
        grantNext()
      },
    }
  }

  function grantNext(): void {
    const at = waiting.findIndex(({ isRead }) => mayRun(isRead))
    const [next] = at === -1 ? [] : waiting.splice(at, 1)
    if (next !== undefined) next.grant(start(next.isRead))
  }

  async function take({ isRead, signal }: { isRead: boolean; signal: AbortSignal }): Promise<Slot<Session>> {
    if (mayRun(isRead)) return start(isRead)
    if (waiting.length >= options.maxWaiting) {
      throw new PoolRefusal(`Too many simultaneous queries: ${options.maxWaiting} are waiting.`)
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.splice(waiting.indexOf(mine), 1)
        reject(new PoolRefusal('Waited too long for a free session.'))
      }
      const mine: Waiting<Session> = {
        isRead,
        grant: (slot) => {
          signal.removeEventListener('abort', leave)
          resolve(slot)
        },
      }
      if (signal.aborted) return reject(new PoolRefusal('The caller has gone.'))
      signal.addEventListener('abort', leave, { once: true })
      waiting.push(mine)
    })
  }

  return { take, load: () => ({ running: sessions.length - free.length, waiting: waiting.length }) }
}
