import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'

export interface Watcher {
  /** JSON of the state: at once when it is known, and whenever it has changed. */
  changed(text: string): void
  /** It cannot be watched; nothing more comes. */
  failed(problem: Problem): void
}

/** States that are looked at again and again, each for all who watch it. */
export interface Watches {
  /** `key` names what `read` gives: who may see it differs by tenant, so it begins with the tenant. */
  watch(key: string, read: () => Promise<unknown>, watcher: Watcher): () => void
  stop(): Promise<void>
}

/** Each is looked at no more often than this. */
const EVERY_MS = 1_000
/** Different states, in a process. They are looked at one after another, on one connection. */
const MAX_STATES = 500

interface State {
  readonly read: () => Promise<unknown>
  readonly watchers: Set<Watcher>
  text: string | null
  dueMs: number
}

/** One at a time, and each rests at least as long as it took: a large campaign that is watched costs half a connection. */
export function createWatches(deps: { readonly clock: Clock; readonly log: Log }): Watches {
  const { clock, log } = deps
  const stopping = new AbortController()
  const states = new Map<string, State>()
  let woken = new AbortController()
  let work: Promise<void> | null = null

  const run = async (): Promise<void> => {
    while (states.size > 0 && !stopping.signal.aborted) {
      const [key, state] = [...states].reduce((first, each) =>
        each[1].dueMs < first[1].dueMs ? each : first,
      )
      const waitMs = state.dueMs - clock.monotonicMs()
      if (waitMs > 0) {
        await clock.sleep(waitMs, AbortSignal.any([woken.signal, stopping.signal]))
        woken = new AbortController()
        continue
      }
      if (state.watchers.size === 0) states.delete(key)
      else if (!(await look(state))) states.delete(key)
    }
    work = null
  }
  const look = async (state: State): Promise<boolean> => {
    const begunMs = clock.monotonicMs()
    try {
      const text = JSON.stringify(await state.read())
      if (text !== state.text) {
        state.text = text
        for (const watcher of state.watchers) watcher.changed(text)
      }
    } catch (error) {
      if (error instanceof Problem) {
        for (const watcher of state.watchers) watcher.failed(error)
        return false
      }
      log.warn({ err: error }, 'A state that is watched could not be read and will be later.')
    }
    const endedMs = clock.monotonicMs()
    state.dueMs = Math.max(begunMs + EVERY_MS, endedMs + (endedMs - begunMs))
    return true
  }
  return {
    watch: (key, read, watcher) => {
      if (!states.has(key) && states.size >= MAX_STATES)
        throw new Problem('limited', 'live.busy', 'Too much is being watched now. Try again later.')
      const state = states.get(key) ?? { read, watchers: new Set(), text: null, dueMs: clock.monotonicMs() }
      states.set(key, state)
      state.watchers.add(watcher)
      if (state.text !== null) watcher.changed(state.text)
      woken.abort()
      work ??= run()
      return () => state.watchers.delete(watcher)
    },
    stop: async () => {
      stopping.abort()
      await work
    },
  }
}
