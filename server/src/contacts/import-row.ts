import { parseAddress } from '@pigeon/mail/address.ts'
import { cleanName, MAX_ATTRIBUTE_VALUE_CHARS, MAX_ATTRIBUTES_CHARS, MAX_NAME_CHARS } from './contact.ts'
import type { MappedColumn } from './csv/map-columns.ts'
import type { CsvRecord, RecordFault } from './csv/read-records.ts'
import { MAX_RECORD_BYTES } from './csv/read-records.ts'

/** Where in a record the parts of a contact stand. */
export interface RowPlan {
  readonly width: number
  readonly emailAt: number
  readonly firstNameAt: number | undefined
  readonly lastNameAt: number | undefined
  readonly attributes: readonly { readonly at: number; readonly name: string }[]
}

export interface ImportRow {
  readonly email: string
  readonly key: string
  readonly firstName: string | undefined
  readonly lastName: string | undefined
  /** In the order of the plan's attributes; undefined where the cell is empty. */
  readonly values: readonly (string | undefined)[]
}

/** A row that is not imported, and why: goes into the reject file. */
export interface Reject {
  readonly line: number
  readonly code: string
  readonly reason: string
  readonly raw: string
}

export type ReadRow =
  | { readonly ok: true; readonly row: ImportRow }
  | { readonly ok: false; readonly reject: Reject }

/** Why a record cannot be read, for people. */
export const RECORD_FAULTS: Readonly<Record<RecordFault, string>> = {
  record_too_long: `The row is longer than ${MAX_RECORD_BYTES / 1024 / 1024} MB.`,
  unclosed_quote: 'A quote is opened in this row and never closed.',
  text_after_quote: 'Text follows a closing quote: a quote inside a quoted field must be doubled.',
  bad_encoding: 'The row holds bytes that are not text in the encoding of the file.',
  nul_character: 'The row holds a NUL character.',
}

/** What is kept of a rejected row. */
const MAX_RAW_CHARS = 4_000

export function planRows(columns: readonly MappedColumn[]): RowPlan {
  const at = (target: string): number | undefined => {
    const found = columns.findIndex((column) => column.target === target)
    return found < 0 ? undefined : found
  }
  return {
    width: columns.length,
    emailAt: at('email') ?? 0,
    firstNameAt: at('first_name'),
    lastNameAt: at('last_name'),
    attributes: columns.flatMap(({ target }, i) =>
      target.startsWith('attributes.') ? [{ at: i, name: target.slice('attributes.'.length) }] : [],
    ),
  }
}

/** Reads a record as a contact. A row may be shorter than the header (its last cells are empty), not longer. */
export function readRow(plan: RowPlan, record: CsvRecord): ReadRow {
  const { cells } = record
  if (record.fault !== undefined) return rejected(record, record.fault, RECORD_FAULTS[record.fault])
  if (cells.length > plan.width && cells.slice(plan.width).some((cell) => cell.trim() !== '')) {
    const reason = `The row has ${cells.length} cells and the file ${plan.width} columns: a delimiter in a cell needs quotes around the cell.`
    return rejected(record, 'too_many_cells', reason)
  }
  const address = parseAddress(cells[plan.emailAt] ?? '')
  if (!address.ok) return rejected(record, address.code, address.message)
  const firstName = nameAt(cells, plan.firstNameAt)
  const lastName = nameAt(cells, plan.lastNameAt)
  if ((firstName?.length ?? 0) > MAX_NAME_CHARS || (lastName?.length ?? 0) > MAX_NAME_CHARS) {
    return rejected(record, 'name_too_long', `A name is longer than ${MAX_NAME_CHARS} characters.`)
  }
  const values: (string | undefined)[] = []
  let chars = 0
  for (const { at, name } of plan.attributes) {
    const value = cells[at]?.trim() ?? ''
    if (value.length > MAX_ATTRIBUTE_VALUE_CHARS) {
      return rejected(
        record,
        'value_too_long',
        `The value of ${name} is longer than ${MAX_ATTRIBUTE_VALUE_CHARS} characters.`,
      )
    }
    chars += value.length + name.length
    values.push(value === '' ? undefined : value)
  }
  if (chars > MAX_ATTRIBUTES_CHARS) {
    return rejected(
      record,
      'attributes_too_long',
      `The attributes are longer than ${MAX_ATTRIBUTES_CHARS} characters together.`,
    )
  }
  return { ok: true, row: { email: address.address, key: address.key, firstName, lastName, values } }
}

/** The later row wins where it says something: the same as if it had been imported after the earlier one. */
export function mergeRows(earlier: ImportRow, later: ImportRow): ImportRow {
  return {
    email: later.email,
    key: later.key,
    firstName: later.firstName ?? earlier.firstName,
    lastName: later.lastName ?? earlier.lastName,
    values: later.values.map((value, i) => value ?? earlier.values[i]),
  }
}

export function rejected(record: CsvRecord, code: string, reason: string): Extract<ReadRow, { ok: false }> {
  const raw =
    record.raw.length > MAX_RAW_CHARS ? record.raw.slice(0, MAX_RAW_CHARS).toWellFormed() : record.raw
  return { ok: false, reject: { line: record.line, code, reason, raw } }
}

function nameAt(cells: readonly string[], at: number | undefined): string | undefined {
  return at === undefined ? undefined : cleanName(cells[at] ?? '')
}
