import { Client, type PoolConfig, escapeIdentifier } from 'pg'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'

export interface ListenOptions {
  readonly channels: readonly string[]
  readonly onNotify: (channel: string, payload: string) => void
  /** After every connection, the first included: notifications before it were missed, so look for yourself. */
  readonly onReconnect: () => void
  readonly log: Log
  readonly clock: Clock
  /** Ends it. */
  readonly signal: AbortSignal
}

const CONNECT_TIMEOUT_MS = 10_000
const FIRST_PAUSE_MS = 100
const MAX_PAUSE_MS = 5_000
/** A connection that was cut without a word (a firewall, a pulled plug) is noticed after this and the answer's deadline. */
const KEEPALIVE_MS = 15_000
const ANSWER_DEADLINE_MS = 10_000

/**
 * Hears NOTIFY on a connection of its own, connecting again with growing pauses for as long as it takes. Resolves
 * when `signal` is aborted and the connection is closed.
 */
export async function listen(connection: PoolConfig, options: ListenOptions): Promise<void> {
  const { clock, log, signal } = options
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      await listenOnce(connection, options, () => (pauseMs = FIRST_PAUSE_MS))
    } catch (error) {
      if (signal.aborted) return
      log.warn({ err: error, pause_ms: pauseMs }, 'the connection that listens for notifications was lost')
      await clock.sleep(pauseMs, signal)
    }
  }
}

async function listenOnce(
  connection: PoolConfig,
  options: ListenOptions,
  onConnected: () => void,
): Promise<void> {
  const { clock, signal } = options
  const client = new Client({
    ...connection,
    application_name: 'pigeon listen',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_DEADLINE_MS,
    keepAlive: true,
  })
  const over = new AbortController()
  let lost: unknown = null
  const onLost = (error?: unknown): void => {
    lost ??= error ?? new Error('The server has closed the connection.')
    over.abort()
  }
  client.on('error', onLost)
  client.on('end', onLost)
  client.on('notification', ({ channel, payload }) => options.onNotify(channel, payload ?? ''))
  try {
    await client.connect()
    for (const channel of options.channels) await client.query(`listen ${escapeIdentifier(channel)}`)
    onConnected()
    options.onReconnect()
    const either = AbortSignal.any([over.signal, signal])
    while (!either.aborted) {
      await clock.sleep(KEEPALIVE_MS, either)
      if (!either.aborted) await client.query('select 1')
    }
    if (!signal.aborted) throw lost
  } finally {
    client.off('end', onLost)
    await close(client)
  }
}

/** `end` waits for an answer to a query that is under way; a connection that is gone gives none. */
async function close(client: Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), 1_000)
  try {
    await client.end()
  } catch {
    // It was closed already, which is what was wanted.
  } finally {
    clearTimeout(timer)
  }
}
