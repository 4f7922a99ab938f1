import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Stream } from './stream.ts'

export interface KeepTrimmedOptions {
  readonly stream: Pick<Stream, 'trim'>
  readonly topics: readonly string[]
  readonly intervalMs: number
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Log
  /** What is left of each topic, for a metric. */
  readonly onRemaining?: (topic: string, records: number) => void
}

/** Drops what every group has passed, again and again until `signal` is aborted. One process of an installation is enough. */
export async function keepTrimmed(options: KeepTrimmedOptions): Promise<void> {
  const { stream, topics, intervalMs, signal, clock, log, onRemaining } = options
  while (!signal.aborted) {
    for (const topic of topics) {
      try {
        onRemaining?.(topic, await stream.trim(topic))
      } catch (error) {
        log.warn({ err: error, topic }, 'the stream could not be trimmed and will be later')
      }
    }
    await clock.sleep(intervalMs, signal)
  }
}
