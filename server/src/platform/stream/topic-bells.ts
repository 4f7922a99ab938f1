import type { Clock } from '#platform/clock.ts'

/**
 * Wakes those who wait for a topic. A notification that comes between a read that found nothing and the wait that
 * follows it must not be missed: a read notes what had been heard when it began, and the wait compares.
 */
export interface TopicBells {
  ring(channel: string): void
  ringAll(): void
  /** How often the channel has rung. */
  heard(channel: string): number
  /** A read that began when `heard` rings had been heard has found nothing: a wait may follow. */
  foundNothing(channel: string, heard: number): void
  wait(channel: string, timeoutMs: number, signal: AbortSignal): Promise<void>
}

interface Bell {
  heard: number
  readonly emptyReads: number[]
  readonly waiting: Set<AbortController>
}

/** Reads that no wait has followed are forgotten beyond this; the price of one too many is one read too many. */
const MAX_EMPTY_READS = 32

export function topicBells(topics: readonly string[], clock: Clock): TopicBells {
  const bells = new Map<string, Bell>(topics.map((topic) => [`stream.${topic}`, newBell()]))
  const bellOf = (channel: string): Bell => {
    const bell = bells.get(channel)
    if (bell === undefined) throw new Error(`${channel} is not among the declared topics.`)
    return bell
  }
  return {
    ring: (channel) => ring(bellOf(channel)),
    ringAll: () => bells.forEach((bell) => ring(bell)),
    heard: (channel) => bellOf(channel).heard,
    foundNothing: (channel, heard) => {
      const { emptyReads } = bellOf(channel)
      emptyReads.push(heard)
      if (emptyReads.length > MAX_EMPTY_READS) emptyReads.shift()
    },
    wait: async (channel, timeoutMs, signal) => {
      const bell = bellOf(channel)
      const heardAtRead = bell.emptyReads.shift() ?? bell.heard
      if (heardAtRead < bell.heard || signal.aborted) return
      const woken = new AbortController()
      bell.waiting.add(woken)
      await clock.sleep(timeoutMs, AbortSignal.any([woken.signal, signal]))
      bell.waiting.delete(woken)
    },
  }
}

function newBell(): Bell {
  return { heard: 0, emptyReads: [], waiting: new Set() }
}

function ring(bell: Bell): void {
  bell.heard++
  for (const waiting of bell.waiting) waiting.abort()
}
