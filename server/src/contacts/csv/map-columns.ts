import { parseAddress } from '@pigeon/mail/address.ts'
import { attributeNameOf, isAttributeName, MAX_ATTRIBUTES } from './attribute-names.ts'
import { fieldOfName, foldName } from './column-names.ts'
import type { ContactField } from './column-names.ts'

/** What becomes of a column: a field of the contact, one of its attributes, or nothing. */
export type ColumnTarget = ContactField | `attributes.${string}` | 'ignore'

/** Column (its name, or its number from 1 in a file without header) and what becomes of it. */
export type ColumnMapping = Readonly<Record<string, ColumnTarget>>

export interface MappedColumn {
  /** The header's name; a name that stands there again gets `_2`, `_3`, ... */
  readonly column: string
  readonly target: ColumnTarget
}

export type Mapped =
  | { readonly ok: true; readonly columns: readonly MappedColumn[] }
  | { readonly ok: false; readonly code: string; readonly message: string }

/** At least this share of the sampled rows must hold an address for a column without a known name to be the one. */
const MIN_ADDRESS_SHARE = 0.5
const MAX_COLUMNS = 500

/**
 * Says for each column what it is. What `wanted` names is done as it says; the rest goes by name (in five languages),
 * and the column with the addresses is found by its content when no name tells. Of two columns for one field the
 * first is taken and the other becomes an attribute; an unknown column becomes an attribute named after it.
 */
export function mapColumns(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  wanted: ColumnMapping = {},
): Mapped {
  if (names.length > MAX_COLUMNS) {
    const message = `The first line has ${names.length} columns; at most ${MAX_COLUMNS} are read. Check the delimiter.`
    return { ok: false, code: 'too_many_columns', message }
  }
  const columns = uniqueNames(names)
  const wish = matchWishes(columns, wanted)
  if (!wish.ok) return wish
  const taken = new Set<string>(wish.targets.values())
  const targets = new Map(wish.targets)
  columns.forEach((column, i) => {
    const field = fieldOfName(names[i] ?? '') ?? lastNameBesideFirst(names, i)
    if (targets.has(column) || field === undefined || taken.has(field)) return
    targets.set(column, field)
    taken.add(field)
  })
  if (!taken.has('email')) {
    const found = columnOfAddresses(columns, rows, (column) => wish.targets.has(column))
    if (found === undefined)
      return { ok: false, code: 'no_address_column', message: noAddressColumn(columns) }
    targets.set(found, 'email')
  }
  for (const column of columns) {
    if (targets.has(column)) continue
    const target = freeAttribute(column, taken)
    targets.set(column, target)
    taken.add(target)
  }
  const attributes = [...targets.values()].filter((target) => target.startsWith('attributes.')).length
  if (attributes > MAX_ATTRIBUTES) {
    const message = `The file has ${attributes} columns for attributes; at most ${MAX_ATTRIBUTES} are kept. Leave some out with "ignore" in the mapping.`
    return { ok: false, code: 'too_many_columns', message }
  }
  return { ok: true, columns: columns.map((column) => ({ column, target: targets.get(column) ?? 'ignore' })) }
}

function uniqueNames(names: readonly string[]): string[] {
  const seen = new Set<string>()
  return names.map((name, i) => {
    const base = name === '' ? `column_${i + 1}` : name
    let unique = base
    for (let n = 2; seen.has(foldName(unique)); n += 1) unique = `${base}_${n}`
    seen.add(foldName(unique))
    return unique
  })
}

function matchWishes(
  columns: readonly string[],
  wanted: ColumnMapping,
): { readonly ok: true; readonly targets: Map<string, ColumnTarget> } | Extract<Mapped, { ok: false }> {
  const targets = new Map<string, ColumnTarget>()
  const given = new Set<string>()
  for (const [name, target] of Object.entries(wanted)) {
    const column = columns.find((c) => c === name) ?? columns.find((c) => foldName(c) === foldName(name))
    if (column === undefined) {
      const message = `The mapping names the column "${name}", which the file does not have. Its columns are: ${listed(columns)}.`
      return { ok: false, code: 'unknown_column', message }
    }
    if (target.startsWith('attributes.') && !isAttributeName(target.slice('attributes.'.length))) {
      return {
        ok: false,
        code: 'bad_attribute_name',
        message: `"${target}" is no name for an attribute: letters, digits and _ are.`,
      }
    }
    if (target !== 'ignore' && given.has(target)) {
      return { ok: false, code: 'target_twice', message: `The mapping sends two columns to ${target}.` }
    }
    given.add(target)
    targets.set(column, target)
  }
  return { ok: true, targets }
}

/** "Name" beside "Vorname" is the family name; alone it may be a whole name, and becomes an attribute. */
function lastNameBesideFirst(names: readonly string[], i: number): ContactField | undefined {
  const isName = foldName(names[i] ?? '') === 'name'
  return isName && names.some((name) => fieldOfName(name) === 'first_name') ? 'last_name' : undefined
}

function columnOfAddresses(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  isGiven: (column: string) => boolean,
): string | undefined {
  const shares = columns.map((column, i) => ({
    column,
    share: rows.filter((row) => parseAddress(row[i] ?? '').ok).length / Math.max(1, rows.length),
  }))
  const [best] = shares.filter(({ column }) => !isGiven(column)).toSorted((a, b) => b.share - a.share)
  return best !== undefined && best.share >= MIN_ADDRESS_SHARE ? best.column : undefined
}

function freeAttribute(column: string, taken: ReadonlySet<string>): `attributes.${string}` {
  const base = attributeNameOf(column)
  let name = base
  for (let n = 2; taken.has(`attributes.${name}`); n += 1) name = `${base}_${n}`
  return `attributes.${name}`
}

function noAddressColumn(columns: readonly string[]): string {
  return `No column with email addresses was found. Its columns are: ${listed(columns)}. Name one "email", or say which it is in the mapping.`
}

const MAX_LISTED = 12
const MAX_LISTED_CHARS = 40

function listed(columns: readonly string[]): string {
  const names = columns.slice(0, MAX_LISTED).map((name) => `"${name.slice(0, MAX_LISTED_CHARS)}"`)
  return names.join(', ') + (columns.length > MAX_LISTED ? `, and ${columns.length - MAX_LISTED} more` : '')
}
