import { Problem } from '#platform/problem.ts'
import type { OnExisting } from './contact.ts'
import { DELIMITERS, ENCODINGS } from './csv/csv-dialect.ts'
import type { Delimiter, Encoding } from './csv/csv-dialect.ts'
import type { ColumnMapping, ColumnTarget } from './csv/map-columns.ts'

export const IMPORT_FIELDS = ['mapping', 'on_existing', 'delimiter', 'encoding'] as const

export interface ImportFormFields {
  readonly onExisting: OnExisting
  readonly mapping: ColumnMapping | undefined
  readonly delimiter: Delimiter | undefined
  readonly encoding: Encoding | undefined
}

const NAMED_DELIMITERS: Readonly<Record<string, Delimiter>> = {
  comma: ',',
  semicolon: ';',
  tab: '\t',
  pipe: '|',
}

/** Reads the text fields of the upload form. */
export function readImportForm(fields: Readonly<Record<string, string>>): ImportFormFields {
  const { on_existing: onExisting = 'upsert', delimiter, encoding } = fields
  if (onExisting !== 'upsert' && onExisting !== 'skip')
    throw wrong('on_existing', 'It is "upsert" or "skip".')
  return {
    onExisting,
    mapping: fields['mapping'] === undefined ? undefined : readMapping(fields['mapping']),
    delimiter: delimiter === undefined ? undefined : readDelimiter(delimiter),
    encoding: encoding === undefined ? undefined : readEncoding(encoding),
  }
}

function readDelimiter(given: string): Delimiter {
  const found = DELIMITERS.find((delimiter) => delimiter === given) ?? NAMED_DELIMITERS[given]
  if (found === undefined) throw wrong('delimiter', 'It is comma, semicolon, tab or pipe.')
  return found
}

function readEncoding(given: string): Encoding {
  const found = ENCODINGS.find((encoding) => encoding === given.toLowerCase())
  if (found === undefined) throw wrong('encoding', `It is one of ${ENCODINGS.join(', ')}.`)
  return found
}

function readMapping(text: string): ColumnMapping {
  let given: unknown
  try {
    given = JSON.parse(text)
  } catch {
    given = undefined
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw wrong('mapping', 'It is a JSON object of column names and what they are: {"Kunde": "email"}.')
  }
  return Object.fromEntries(
    Object.entries(given).map(([column, target]: [string, unknown]) => {
      if (isTarget(target)) return [column, target]
      throw wrong(
        'mapping',
        `"${column.slice(0, 100)}" must be email, first_name, last_name, attributes.NAME or ignore.`,
      )
    }),
  )
}

function isTarget(target: unknown): target is ColumnTarget {
  return typeof target === 'string' && /^(email|first_name|last_name|ignore|attributes\..+)$/.test(target)
}

function wrong(field: string, message: string): Problem {
  return new Problem('invalid', 'request.invalid', `Correct the field ${field}: ${message}`, {
    errors: [{ field, code: 'invalid', message }],
  })
}
