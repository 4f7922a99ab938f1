import { createApp } from '#http/app.ts'
import { closeApp, listen } from '#http/listen.ts'
import { Problem } from '#platform/problem.ts'
import { registerTracking } from '#tracking/links.routes.ts'
import { registerUnsubscribe } from '#tracking/tracking.routes.ts'
import { sql } from 'kysely'
import type { Context, RunningRole } from './context.ts'
import { openPublicPages } from './public-pages.ts'

const CONNECTIONS = 8
const CLOSE_MS = 5_000

/** The pages for recipients in a process of their own, for a cluster: pixel, redirect, unsubscribe and preferences. */
export async function startTrack(context: Context): Promise<RunningRole> {
  const { config, clock, log } = context
  const db = context.openDatabase('pigeon_api', CONNECTIONS)
  const pages = await openPublicPages(context, db)
  const app = await createApp({
    log,
    clock,
    trustedProxies: config.PIGEON_TRUSTED_PROXIES,
    authenticate: async () =>
      Promise.reject(
        new Problem('unauthenticated', 'auth.not_here', 'The API is answered by another process.'),
      ),
    checks: { postgres: () => sql`select 1`.execute(db) },
  })
  registerUnsubscribe(app, pages.deps)
  registerTracking(app, pages.deps)
  await listen(app, { host: config.PIGEON_HTTP_HOST, port: config.PIGEON_TRACK_PORT })
  return {
    stop: async () => {
      await closeApp(app, CLOSE_MS)
      await pages.stop()
      await db.destroy()
    },
  }
}
