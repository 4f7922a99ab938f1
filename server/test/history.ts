import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { migrateAnalytics } from '#platform/analytics/migrate-analytics.ts'
import { openAnalytics, type Analytics } from '#platform/analytics/open-analytics.ts'
import { startEmbeddedAnalytics } from '#platform/analytics/start-analytics.ts'
import { createLog } from '#platform/log.ts'

/** The embedded history engine on an empty directory, migrated, until the tests of the file are over. */
export async function testHistory(): Promise<Analytics> {
  const dataDir = mkdtempSync(join(tmpdir(), 'pigeon-history-'))
  const log = createLog({ level: 'silent', role: 'test' })
  const engine = await startEmbeddedAnalytics({ dataDir, memoryMb: 256, log })
  const analytics = openAnalytics(engine)
  after(async () => {
    await analytics.close()
    await engine.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  await migrateAnalytics({ analytics }, { eventDays: 90, attemptDays: 30, rollupMonths: 25 })
  return analytics
}

/** Nothing is known of any address or user agent. */
export const blindReaders = { countryOf: () => '', clientOf: () => ({ client: '', os: '', device: '' }) }
