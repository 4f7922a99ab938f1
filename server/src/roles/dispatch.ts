import { forgetAlerts } from '#alerts/forget-alerts.ts'
import { createMailRoutes } from '#delivery/mail-routes.ts'
import { deleteExpiredStsPolicies } from '#delivery/tls-policy/sts-policies.ts'
import { deleteOldTlsReports } from '#delivery/tls-policy/tls-reports.ts'
import { deleteExpiredIdempotencyKeys } from '#http/idempotency.ts'
import { deleteExpiredSessions } from '#identity/log-out.ts'
import { runDispatch } from '#dispatch/run-dispatch.ts'
import { forgetQueueOrders } from '#queue/carry-out-orders.ts'
import type { Context, RunningRole } from './context.ts'
import { mailRouteSettings } from './mail-route-settings.ts'

const CONNECTIONS = 6

export async function startDispatch(context: Context): Promise<RunningRole> {
  const { config, clock, log } = context
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const stream = await context.openStream(db)
  const routes = createMailRoutes({ clock }, mailRouteSettings(config))
  const stopping = new AbortController()
  const work = runDispatch(
    {
      db,
      stream,
      clock,
      log,
      findProvider: (mode, domain) => routes.findProvider(mode, domain),
      lifetimes: {
        bulkMs: config.PIGEON_EXPIRE_HOURS * 3_600_000,
        transactionalMs: config.PIGEON_TRANSACTIONAL_EXPIRE_HOURS * 3_600_000,
        sandboxMs: config.PIGEON_SANDBOX_EXPIRE_SECONDS * 1000,
      },
      fanOutChunkSize: config.PIGEON_FANOUT_CHUNK,
      missedScheduleMs: config.PIGEON_MISSED_SCHEDULE_MINUTES * 60_000,
      installationMode: config.PIGEON_MODE,
      tidy: async () => {
        await deleteExpiredIdempotencyKeys(db, clock.now())
        await deleteExpiredSessions({ db, clock })
        await deleteExpiredStsPolicies({ db, clock })
        await deleteOldTlsReports({ db, clock })
        await forgetQueueOrders({ db, clock })
        await forgetAlerts({ db, clock })
      },
    },
    stopping.signal,
  )
  return {
    stop: async () => {
      stopping.abort()
      await work
      await stream.close()
      await db.destroy()
    },
  }
}
