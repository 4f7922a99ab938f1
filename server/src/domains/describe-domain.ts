import { dkimTxtRecord } from '@pigeon/mail/dkim-keys.ts'
import { isRecordCheck } from './domains.schema.ts'
import { dkimRecordName, UNCHECKED } from './domain.ts'
import type { DnsRecord, Domain, RecordCheck } from './domain.ts'
import type { DomainRow } from './domains.store.ts'

/** A stored domain with the records that must be published for it, and what the last check said of each. */
export function describeDomain(row: DomainRow): Domain {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    verified_in: row.verified_in,
    verified_at: row.verified_at,
    last_checked_at: row.last_checked_at,
    dns_records: recordsOf(row).map(({ selector, record }) => ({
      ...record,
      ...lastCheckOf(row.last_check, selector),
    })),
    created_at: row.created_at,
  }
}

export function recordsOf(row: DomainRow): { selector: string; record: DnsRecord }[] {
  return row.keys.map(({ selector, public_key }) => ({
    selector,
    record: { type: 'TXT', name: dkimRecordName(selector, row.name), value: dkimTxtRecord(public_key) },
  }))
}

function lastCheckOf(lastCheck: unknown, selector: string): RecordCheck {
  if (typeof lastCheck !== 'object' || lastCheck === null) return UNCHECKED
  const check = Object.entries(lastCheck).find(([name]) => name === selector)?.[1]
  return isRecordCheck(check) ? check : UNCHECKED
}
