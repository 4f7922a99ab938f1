import type { Readable } from 'node:stream'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import type { Clock } from '#platform/clock.ts'
import type { Log } from '#platform/log.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { countEvents, downloadEvents, downloadProgress } from './export-events.store.ts'
import { exportKey, type Export } from './export.ts'
import {
  claimExport,
  completeExport,
  deleteExport,
  expiredExports,
  failExport,
  releaseExport,
  selectExport,
  showProgress,
  type ExportName,
} from './exports.store.ts'

const POLL_MS = 1_000
const PROGRESS_MS = 1_000
/** Renewed with the progress. A worker that was killed is replaced after this time, or at once by one of its own name. */
const LEASE_MS = 60_000
const MAX_FAILURES = 3
const MAX_BYTES = 64 * 1024 ** 3
const KEPT_MS = 7 * 24 * 3_600_000

export interface ExportJobDeps {
  readonly db: Database
  readonly analytics: Analytics
  readonly objects: Objects
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  /** One running worker a name. */
  readonly workerName: string
}

/** Makes files one after the other, and removes those whose time is over, until `signal` is aborted. */
export async function runExports(deps: ExportJobDeps): Promise<void> {
  while (!deps.signal.aborted) {
    try {
      await removeExpired(deps)
      const claim = { workerName: deps.workerName, leaseMs: LEASE_MS }
      const claimed = await claimExport(deps.db, claim, deps.clock.now())
      if (claimed === undefined) await deps.clock.sleep(POLL_MS, deps.signal)
      else await attempt(deps, claimed)
    } catch (error) {
      deps.log.error({ err: error }, 'Exports wait: the database cannot be asked.')
      await deps.clock.sleep(POLL_MS, deps.signal)
    }
  }
}

async function attempt(deps: ExportJobDeps, { id, tenant_id: tenantId }: ExportName): Promise<void> {
  const { db, clock, workerName } = deps
  try {
    const found = await asTenant(db, tenantId, (t) => selectExport(t, id))
    if (found === undefined) return
    const end = await makeFile(deps, tenantId, found)
    const now = clock.now()
    await asTenant(db, tenantId, (t) =>
      completeExport(t, id, { ...end, workerName, now, expiresAt: later(now) }),
    )
  } catch (error) {
    if (deps.signal.aborted) {
      await asTenant(db, tenantId, (t) => releaseExport(t, id, workerName))
      return
    }
    deps.log.error({ err: error, export_id: id, tenant_id: tenantId }, 'An export failed.')
    const message =
      error instanceof Problem
        ? error.message
        : 'The export failed. Ask for it again in a quarter of an hour, or tell the operator: the log has the reason.'
    const now = clock.now()
    await asTenant(db, tenantId, (t) =>
      failExport(t, id, {
        workerName,
        error: message,
        maxFailures: MAX_FAILURES,
        now,
        expiresAt: later(now),
      }),
    )
    await clock.sleep(POLL_MS, deps.signal)
  }
}

async function makeFile(
  deps: ExportJobDeps,
  tenantId: string,
  wanted: Export,
): Promise<{ rows: number; sizeBytes: number }> {
  const { analytics, objects, signal } = deps
  const rows = await countEvents(analytics, tenantId, wanted.filter)
  const stopping = new AbortController()
  const progress = watchProgress(deps, { tenantId, id: wanted.id, rows }, stopping)
  let body: Readable | undefined
  try {
    const either = AbortSignal.any([signal, stopping.signal])
    body = await downloadEvents(analytics, tenantId, { ...wanted, exportId: wanted.id }, either)
    const { sizeBytes } = await objects.put(exportKey(tenantId, wanted.id), body, { maxBytes: MAX_BYTES })
    return { rows, sizeBytes }
  } finally {
    body?.destroy()
    stopping.abort()
    await progress
  }
}

/** Shows how far the statement is, until it is stopped; stops the work when the export is no longer ours. */
async function watchProgress(
  deps: ExportJobDeps,
  of: { tenantId: string; id: string; rows: number },
  stopping: AbortController,
): Promise<void> {
  let done = 0
  while (!stopping.signal.aborted) {
    try {
      const part = await downloadProgress(deps.analytics, of.id)
      done = Math.max(done, Math.floor(of.rows * (part ?? 0)))
      const shown = {
        workerName: deps.workerName,
        leaseUntil: new Date(deps.clock.now().getTime() + LEASE_MS),
        total: of.rows,
        done,
      }
      const isOurs = await asTenant(deps.db, of.tenantId, (t) => showProgress(t, of.id, shown))
      if (!isOurs) stopping.abort()
    } catch (error) {
      deps.log.warn({ err: error, export_id: of.id }, 'How far an export is cannot be shown just now.')
    }
    await deps.clock.sleep(PROGRESS_MS, stopping.signal)
  }
}

async function removeExpired(deps: ExportJobDeps): Promise<void> {
  for (const { id, tenant_id: tenantId } of await expiredExports(deps.db, deps.clock.now())) {
    await deps.objects.delete(exportKey(tenantId, id))
    await asTenant(deps.db, tenantId, (t) => deleteExport(t, id))
  }
}

function later(now: Date): Date {
  return new Date(now.getTime() + KEPT_MS)
}
