import { appendFeedback, type FeedbackEvent } from '#events/feedback-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Stream } from '#platform/stream/stream.ts'

/** Events that wait for PostgreSQL at most, some 50 MB: past this requests wait. */
const MAX_WAITING = 100_000
/** How long what is told may be lost by a crash of this process. */
const FLUSH_MS = 50
const RETRY_MS = 500
/** Events in one append. */
const MAX_BATCH = 2_000
/** A request waits this long for room; then its event is lost, and counted. */
const MAX_WAIT_MS = 2_000
/** How long the last events are tried when the process ends. */
const LAST_TRY_MS = 10_000

export interface FeedbackBuffer {
  /** Takes an event. Waits only while too many wait for the database. */
  put(event: FeedbackEvent): Promise<void>
  /** Appends what waits to `email.feedback` until `signal` aborts, and then what is left. */
  run(signal: AbortSignal): Promise<void>
}

export interface FeedbackBufferDeps {
  readonly stream: Pick<Stream, 'append'>
  readonly clock: Clock
  readonly log: Log
}

/**
 * Between requests and the stream: a redirect does not wait for the disk. An event is durable within about 50 ms; a kill
 * loses what came in that time. While PostgreSQL does not answer, events are kept and tried again: each has its id, so
 * that one which was appended twice counts once.
 */
export function createFeedbackBuffer(
  deps: FeedbackBufferDeps,
  { maxWaiting = MAX_WAITING }: { readonly maxWaiting?: number } = {},
): FeedbackBuffer {
  const waiting: FeedbackEvent[] = []
  let room = Promise.withResolvers<void>()
  let lost = 0

  async function flush(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MAX_BATCH)
      await appendFeedback(deps.stream, batch)
      waiting.splice(0, batch.length)
      room.resolve()
      room = Promise.withResolvers()
    }
    if (lost > 0)
      deps.log.error({ lost }, 'Openings and clicks were lost: the database was too slow for them.')
    lost = 0
  }

  /** Says whether it worked. */
  async function tryFlush(): Promise<boolean> {
    try {
      await flush()
      return true
    } catch (error) {
      const message = 'Openings and clicks could not be stored yet; they are kept and tried again.'
      deps.log.warn({ err: error, waiting: waiting.length }, message)
      return false
    }
  }

  return {
    put: async (event) => {
      if (waiting.length >= maxWaiting) await Promise.race([room.promise, deps.clock.sleep(MAX_WAIT_MS)])
      if (waiting.length < maxWaiting) waiting.push(event)
      else lost += 1
    },
    run: async (signal) => {
      while (!signal.aborted) await deps.clock.sleep((await tryFlush()) ? FLUSH_MS : RETRY_MS, signal)
      const deadline = deps.clock.monotonicMs() + LAST_TRY_MS
      while (!(await tryFlush()) && deps.clock.monotonicMs() < deadline) await deps.clock.sleep(RETRY_MS)
      if (waiting.length > 0)
        deps.log.error({ lost: waiting.length }, 'Openings and clicks were lost at the end.')
    },
  }
}
