import { EMAIL_EVENTS, type EmailEventsPayload, type OutcomeEvent } from '#events/email-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Stream } from '#platform/stream/stream.ts'

/** Outcomes that wait for PostgreSQL at most: past this nothing new begins. */
const MAX_WAITING = 20_000
/** Measured: flushing every 10 ms costs PostgreSQL a third more than every 50 to 100. */
const FLUSH_MS = 100
const RETRY_MS = 500
/** Outcomes in one stream record. */
const MAX_EVENTS = 500

export interface Outbox {
  push(shard: number, epoch: number, event: OutcomeEvent): void
  hasRoom(): boolean
  /** Appends what waits until `signal` aborts, and then once more. */
  run(signal: AbortSignal): Promise<void>
  /** Appends what waits; rejects when PostgreSQL does not take it. */
  flush(): Promise<void>
}

export interface OutboxDeps {
  readonly stream: Stream
  readonly clock: Clock
  readonly log: Log
  /** The outcomes are durable: the journal may forget them. */
  readonly confirm: (events: readonly OutcomeEvent[]) => void
}

interface Waiting {
  readonly shard: number
  readonly epoch: number
  readonly event: OutcomeEvent
}

/** Gathers outcomes and appends them to `email.events`, in the partition of their shard. It tries until they are stored. */
export function createOutbox(deps: OutboxDeps): Outbox {
  let waiting: Waiting[] = []
  let flushing: Promise<void> = Promise.resolve()

  async function flushOnce(): Promise<void> {
    const batch = waiting
    if (batch.length === 0) return
    waiting = []
    try {
      await deps.stream.append(EMAIL_EVENTS, recordsOf(batch))
    } catch (error) {
      waiting = [...batch, ...waiting]
      throw error
    }
    deps.confirm(batch.map((each) => each.event))
  }

  function flush(): Promise<void> {
    flushing = flushing.catch(() => undefined).then(flushOnce)
    return flushing
  }

  return {
    push: (shard, epoch, event) => void waiting.push({ shard, epoch, event }),
    hasRoom: () => waiting.length < MAX_WAITING,
    flush,
    run: async (signal) => {
      while (!signal.aborted) {
        try {
          await flush()
          await deps.clock.sleep(FLUSH_MS, signal)
        } catch (error) {
          deps.log.warn(
            { err: error, waiting: waiting.length },
            'Outcomes could not be stored yet; they are kept and tried again.',
          )
          await deps.clock.sleep(RETRY_MS, signal)
        }
      }
    },
  }
}

function recordsOf(
  batch: readonly Waiting[],
): { partition: number; key: string; payload: EmailEventsPayload }[] {
  const records: { partition: number; key: string; payload: EmailEventsPayload }[] = []
  for (const [key, members] of Map.groupBy(batch, (each) => `${each.shard}/${each.epoch}`)) {
    const [first] = members
    if (first === undefined) continue
    const { shard, epoch } = first
    for (let start = 0; start < members.length; start += MAX_EVENTS) {
      const events = members.slice(start, start + MAX_EVENTS).map((each) => each.event)
      records.push({ partition: shard, key, payload: { kind: 'outcomes', shard, epoch, events } })
    }
  }
  return records
}
