import type { Config } from '#config/sections.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Stream } from '#platform/stream/stream.ts'
import { createFeedbackBuffer } from '#tracking/feedback-buffer.ts'
import type { TrackingRouteDeps } from '#tracking/links.routes.ts'
import type { UnsubscribeRouteDeps } from '#tracking/tracking.routes.ts'
import { tellUnsubscribed } from '#tracking/tell-unsubscribed.ts'
import type { Context } from './context.ts'

/** One appends, and one is free when the server ends the other. */
const CONNECTIONS = 2

/** Where recipients reach this installation. */
export function publicUrlOf(config: Config): string {
  return config.PIGEON_PUBLIC_URL ?? `http://localhost:${config.PIGEON_HTTP_PORT}`
}

export interface PublicPages {
  readonly deps: UnsubscribeRouteDeps & TrackingRouteDeps
  /** To the streams, of all tenants. */
  readonly stream: Stream
  /** Stores what was told; after the last request. */
  stop(): Promise<void>
}

/**
 * What the pages for recipients need. `db` is the API's, which sees one tenant at a time; openings and clicks are of all
 * tenants and go to the stream in batches, which only the engine may write to: they have a connection of their own.
 */
export async function openPublicPages(context: Context, db: Database): Promise<PublicPages> {
  const { clock, keys, log } = context
  const engine = context.openDatabase('pigeon_engine', CONNECTIONS)
  const stream = await context.openStream(engine)
  const feedback = createFeedbackBuffer({ stream, clock, log })
  const stopping = new AbortController()
  const work = feedback.run(stopping.signal)
  return {
    stream,
    deps: {
      db,
      clock,
      keys,
      feedback,
      appendEvent: tellUnsubscribed,
    },
    stop: async () => {
      stopping.abort()
      await work
      await stream.close()
      await engine.destroy()
    },
  }
}
