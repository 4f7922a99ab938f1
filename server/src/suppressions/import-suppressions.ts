import type { Readable } from 'node:stream'
import { parseAddress } from '@pigeon/mail/address.ts'
import { recordAudit, type Actor } from '#audit/record-audit.ts'
import { foldName } from '#contacts/csv/column-names.ts'
import type { CsvRecord } from '#contacts/csv/read-records.ts'
import { examineFile } from '#contacts/examine-file.ts'
import { RECORD_FAULTS } from '#contacts/import-row.ts'
import { readRows } from '#contacts/read-chunks.ts'
import type { Clock } from '#platform/clock.ts'
import { isUuid, uuidv7 } from '#platform/ids.ts'
import type { Objects } from '#platform/objects/objects.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { addSuppressions, newSuppression } from './add-suppressions.ts'
import { SUPPRESSION_REASONS, type NewSuppression, type SuppressionReason } from './suppression.ts'

export const IMPORT_LIMITS = {
  bytes: 20 * 1024 * 1024,
  /** Rows of one transaction. */
  chunk: 1_000,
  /** Rejected rows that the answer shows, and characters of each. */
  rejects: 1_000,
  rawChars: 500,
  noteChars: 1_000,
} as const

export interface SuppressionReject {
  readonly line: number
  readonly code: string
  readonly reason: string
  readonly row: string
}

export interface ImportedSuppressions {
  readonly rows_read: number
  readonly rows_stored: number
  readonly rows_rejected: number
  /** The first of them. */
  readonly rejects: readonly SuppressionReject[]
}

export interface SuppressionImport {
  readonly fileName: string
  readonly objectKey: string
  /** For rows that do not say it themselves. */
  readonly reason: SuppressionReason
  readonly listId: string | null
}

interface Deps {
  readonly db: Database
  readonly objects: Objects
  readonly clock: Clock
}

/** Keeps the file while it is read. Returns the key of the object. */
export async function storeSuppressionFile(
  deps: { readonly objects: Objects },
  tenantId: string,
  body: Readable,
): Promise<string> {
  const objectKey = `${tenantId}/suppressions/${uuidv7()}`
  await deps.objects.put(objectKey, body, { maxBytes: IMPORT_LIMITS.bytes })
  return objectKey
}

/**
 * Adds every row of a stored CSV file that can be added, a thousand a transaction: what is there already stays, so that a file
 * may be imported again. Columns: the address, and by name `reason`, `list_id`, `mode`, `note`, `expires_at`. Problem
 * `suppressions.bad_file` when it is no CSV file with addresses.
 */
export async function importSuppressions(
  deps: Deps,
  actor: Actor,
  request: SuppressionImport,
): Promise<ImportedSuppressions> {
  const examined = await examineFile(async () => deps.objects.get(request.objectKey), {})
  if (!examined.ok) throw new Problem('invalid', 'suppressions.bad_file', examined.message)
  const { dialect, mapping } = examined
  const plan = planOf(
    dialect.columns,
    mapping.findIndex((column) => column.target === 'email'),
  )
  const file = await deps.objects.get(request.objectKey, { start: dialect.bom_bytes })
  const rejects: SuppressionReject[] = []
  const counts = { rows_read: 0, rows_stored: 0, rows_rejected: 0 }
  let chunk: NewSuppression[] = []
  const store = async (): Promise<void> => {
    counts.rows_stored += chunk.length
    const rows = chunk
    chunk = []
    await asTenant(deps.db, actor.tenantId, (transaction) =>
      addSuppressions(transaction, actor.tenantId, rows, deps.clock.now()),
    )
  }
  for await (const record of readRows(file, dialect)) {
    counts.rows_read++
    const row = readRow(record, plan, request)
    if ('code' in row) {
      counts.rows_rejected++
      if (rejects.length < IMPORT_LIMITS.rejects) rejects.push(row)
    } else if (chunk.push(row) === IMPORT_LIMITS.chunk) await store()
  }
  if (chunk.length > 0) await store()
  await auditImport(deps, actor, request, counts)
  return { ...counts, rejects }
}

async function auditImport(
  deps: Deps,
  actor: Actor,
  { fileName }: SuppressionImport,
  counts: object,
): Promise<void> {
  const entry = { action: 'suppressions.import', subject: fileName, before: null, after: counts }
  await asTenant(deps.db, actor.tenantId, (transaction) =>
    recordAudit(transaction, actor, entry, deps.clock.now()),
  )
}

/** Where in a record the parts of a suppression stand; -1 for what the file does not have. */
interface RowPlan {
  readonly email: number
  readonly reason: number
  readonly listId: number
  readonly mode: number
  readonly note: number
  readonly expiresAt: number
}

function planOf(columns: readonly string[], email: number): RowPlan {
  const names = columns.map(foldName)
  const at = (name: string): number => names.indexOf(name)
  return {
    email,
    reason: at('reason'),
    listId: at('listid'),
    mode: at('mode'),
    note: at('note'),
    expiresAt: at('expiresat'),
  }
}

function readRow(
  record: CsvRecord,
  plan: RowPlan,
  request: Pick<SuppressionImport, 'reason' | 'listId'>,
): NewSuppression | SuppressionReject {
  const rejected = (code: string, reason: string): SuppressionReject => ({
    line: record.line,
    code,
    reason,
    row: record.raw.slice(0, IMPORT_LIMITS.rawChars),
  })
  if (record.fault !== undefined) return rejected(record.fault, RECORD_FAULTS[record.fault])
  const cell = (at: number): string => record.cells[at]?.trim() ?? ''
  const address = parseAddress(cell(plan.email))
  if (!address.ok) return rejected(address.code, address.message)
  const reason = cell(plan.reason) === '' ? request.reason : reasonOf(cell(plan.reason))
  if (reason === undefined)
    return rejected('bad_reason', `The reason is one of ${SUPPRESSION_REASONS.join(', ')}.`)
  const listId = cell(plan.listId) === '' ? request.listId : cell(plan.listId)
  if (listId !== null && !isUuid(listId)) return rejected('bad_list', 'The list is named by its id.')
  const mode = cell(plan.mode)
  if (mode !== '' && mode !== 'sandbox' && mode !== 'live')
    return rejected('bad_mode', 'The mode is sandbox, live or empty for both.')
  const expiresAt = cell(plan.expiresAt)
  if (expiresAt !== '' && !isTime(expiresAt))
    return rejected('bad_end', 'The end is a time like 2026-11-22T09:30:00Z, or empty for never.')
  const note = cell(plan.note).slice(0, IMPORT_LIMITS.noteChars)
  return newSuppression(address.key, {
    reason,
    list_id: listId,
    mode: mode === '' ? null : mode,
    note: note === '' ? null : note,
    expires_at: expiresAt === '' ? null : expiresAt,
  })
}

/** RFC 3339, 5.6: a spreadsheet's `1/2/26` would be read as one day here and another there. */
function isTime(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(text) &&
    !Number.isNaN(Date.parse(text))
  )
}

function reasonOf(text: string): SuppressionReason | undefined {
  return SUPPRESSION_REASONS.find((reason) => reason === text.toLowerCase())
}
