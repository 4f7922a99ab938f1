import { openHistoryReaders } from '#analytics/history-readers.ts'
import { runHistory } from '#record/run-history.ts'
import { runRecord } from '#record/run-record.ts'
import { runWebhookTap } from '#webhooks/tap-events.ts'
import type { Context, RunningRole } from './context.ts'

const CONNECTIONS = 5

export async function startRecord(context: Context): Promise<RunningRole> {
  const { clock, config, log } = context
  const readers = await openHistoryReaders(config)
  const db = context.openDatabase('pigeon_engine', CONNECTIONS)
  const stream = await context.openStream(db)
  const analytics = context.openAnalytics()
  const stopping = new AbortController()
  const deps = { db, stream, analytics, clock, log, readers }
  const work = Promise.all([
    runRecord(deps, stopping.signal),
    runHistory(deps, stopping.signal),
    runWebhookTap(deps, stopping.signal),
  ])
  return {
    stop: async () => {
      stopping.abort()
      await work
      await stream.close()
      await analytics.close()
      await db.destroy()
    },
  }
}
