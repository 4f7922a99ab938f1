import { announce } from '#events/outbox.ts'
import type { WebhookEvent } from '#events/webhook-events.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { isUniqueViolation } from './create-domain.ts'
import { describeDomain, recordsOf } from './describe-domain.ts'
import { checkRecord } from './domain.ts'
import type { DnsRecord, Domain, RecordCheck } from './domain.ts'
import { selectDomain, updateCheck } from './domains.store.ts'
import type { CheckResult, DomainRow } from './domains.store.ts'
import { domainNotFound } from './manage-domains.ts'
import { lookUpTxt } from './resolve-txt.ts'
import type { ResolveTxt } from './resolve-txt.ts'

export interface VerifyDeps {
  readonly db: Database
  readonly clock: Clock
  readonly resolveTxt: ResolveTxt
  readonly installationMode: SendingMode
  /** In sandbox: puts the records where `resolveTxt` finds them, as the owner of the domain would at a DNS host. */
  readonly publishRecords?: (records: readonly DnsRecord[]) => Promise<void>
}

/**
 * Looks up both DKIM records and says of each whether it is right. With both right the domain is verified; a record
 * that is gone or wrong takes that back, a failed look-up changes nothing. Problems `domains.not_found`,
 * `domains.verified_elsewhere`.
 */
export async function verifyDomain(deps: VerifyDeps, tenantId: string, id: string): Promise<Domain> {
  const key = { tenantId, id }
  const before = await asTenant(deps.db, tenantId, (transaction) => selectDomain(transaction, key))
  if (before === undefined) throw domainNotFound()
  const checks = await checkRecords(deps, before)
  return asTenant(deps.db, tenantId, async (transaction) => {
    const row = await selectDomain(transaction, key, { lock: true })
    if (row === undefined) throw domainNotFound()
    const now = deps.clock.now()
    try {
      await updateCheck(transaction, key, judge(deps.installationMode, row, checks, now), now)
    } catch (error) {
      if (!isUniqueViolation(error)) throw error
      throw new Problem(
        'conflict',
        'domains.verified_elsewhere',
        `${row.name} is verified by another tenant of this installation.`,
        { cause: error },
      )
    }
    const after = await selectDomain(transaction, key)
    if (after === undefined) throw domainNotFound()
    if (row.status !== 'verified' && after.status === 'verified')
      await announce(transaction, domainVerified(tenantId, after, now))
    return describeDomain(after)
  })
}

function domainVerified(tenantId: string, { id, name, verified_in }: DomainRow, now: Date): WebhookEvent {
  const at = now.toISOString()
  const data = { domain_id: id, name, verified_in, verified_at: at }
  return { tenantId, event: 'domain.verified', at, subjectId: id, data }
}

async function checkRecords(deps: VerifyDeps, row: DomainRow): Promise<Record<string, RecordCheck>> {
  const records = recordsOf(row)
  if (deps.publishRecords !== undefined) await deps.publishRecords(records.map(({ record }) => record))
  const checked = await Promise.all(
    records.map(
      async ({ selector, record }) =>
        [selector, checkRecord(record, await lookUpTxt(deps.resolveTxt, record.name))] as const,
    ),
  )
  return Object.fromEntries(checked)
}

function judge(
  mode: SendingMode,
  row: DomainRow,
  checks: Readonly<Record<string, RecordCheck>>,
  now: Date,
): CheckResult {
  const statuses = Object.values(checks).map((check) => check.status)
  if (statuses.length > 0 && statuses.every((status) => status === 'ok')) {
    const verifiedAt = row.verified_in === mode ? (row.verified_at ?? now) : now
    return { status: 'verified', verifiedIn: mode, verifiedAt, checks }
  }
  const isKnownBad = statuses.some((status) => status === 'missing' || status === 'wrong')
  if (isKnownBad) return { status: 'pending', verifiedIn: null, verifiedAt: null, checks }
  return { status: row.status, verifiedIn: row.verified_in, verifiedAt: row.verified_at, checks }
}
