import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface DelayOrder {
  /** Addresses of loopback where it listens, and those that it connects to, in the same order. */
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** Of both. */
  readonly port: number
  readonly oneWayMs: number
}

const START_MS = 10_000

/** A long wire: whatever goes through comes out later, in order and as fast. In a process of its own. */
export async function startDelayProxy(order: DelayOrder): Promise<{ stop(): Promise<void> }> {
  const child = fork(fileURLToPath(new URL('./delay-proxy-process.ts', import.meta.url)), {
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const listening = once(child, 'message', { signal: AbortSignal.timeout(START_MS) })
  child.send(order)
  await listening
  return {
    stop: async () => {
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
    },
  }
}
