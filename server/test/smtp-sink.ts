import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export type SinkOrder =
  | {
      readonly kind: 'listen'
      readonly addresses: readonly string[]
      readonly port: number
      readonly refusal: string | undefined
    }
  | { readonly kind: 'counts'; readonly isReset: boolean }

export interface SinkCounts {
  readonly received: number
  /** Messages that came more than once; undefined: this sink cannot tell. */
  readonly duplicates?: number | undefined
  /** Of all messages; undefined: this sink does not count them. */
  readonly octets?: number | undefined
  readonly connections: number
}

/** A receiver that takes everything, in processes of its own. */
export interface SmtpSink {
  readonly pids: readonly number[]
  counts(options?: { isReset: boolean }): Promise<SinkCounts>
  stop(): Promise<void>
}

const ANSWER_MS = 10_000

/** Listens on loopback addresses, so that each may stand for a site of its own. With a `refusal` that is the reply to every MAIL. */
export async function startSmtpSink(
  addresses: readonly string[],
  port: number,
  refusal?: string,
): Promise<SmtpSink> {
  const child = fork(fileURLToPath(new URL('./sink-process.ts', import.meta.url)), {
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  async function ask(order: SinkOrder): Promise<SinkCounts> {
    const answered = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
    child.send(order)
    // Our own child sends nothing else.
    const [counts] = (await answered) as [SinkCounts]
    return counts
  }
  await ask({ kind: 'listen', addresses, port, refusal })
  return {
    pids: [child.pid ?? 0],
    counts: ({ isReset } = { isReset: false }) => ask({ kind: 'counts', isReset }),
    stop: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
