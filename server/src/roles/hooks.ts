import { createPoster } from '#webhooks/post-webhook.ts'
import { runHooks } from '#webhooks/run-hooks.ts'
import type { Context, RunningRole } from './context.ts'

const CONNECTIONS = 6
const DAY_MS = 86_400_000

export async function startHooks(context: Context): Promise<RunningRole> {
  const { clock, log, keys, config, place } = context
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const stream = await context.openStream(db)
  const poster = createPoster({ clock, allowPrivate: config.PIGEON_ALLOW_PRIVATE_WEBHOOKS })
  const stopping = new AbortController()
  const work = runHooks(
    {
      db,
      stream,
      clock,
      log,
      keys,
      poster,
      worker: `hooks-${place.index + 1}`,
      keptMs: config.PIGEON_WEBHOOK_KEEP_DAYS * DAY_MS,
      disableAfterMs: config.PIGEON_WEBHOOK_DISABLE_DAYS * DAY_MS,
    },
    stopping.signal,
  )
  return {
    stop: async () => {
      stopping.abort()
      await work
      await poster.close()
      await stream.close()
      await db.destroy()
    },
  }
}
