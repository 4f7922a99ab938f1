import { parseAddress } from '@pigeon/mail/address.ts'
import { Problem } from '#platform/problem.ts'
import type { FieldError } from '#platform/problem.ts'
import { cleanName, MAX_ATTRIBUTE_VALUE_CHARS, MAX_ATTRIBUTES_CHARS } from './contact.ts'
import type { AttributeValue } from './contact.ts'
import { isAttributeName, MAX_ATTRIBUTE_NAME_CHARS, MAX_ATTRIBUTES } from './csv/attribute-names.ts'

export interface GivenContact {
  readonly email: string
  readonly first_name?: string | null
  readonly last_name?: string | null
  readonly attributes?: Readonly<Record<string, AttributeValue | null>>
  readonly resubscribe?: boolean
}

/** A contact that may be stored. */
export interface CleanContact {
  readonly email: string
  readonly key: string
  readonly firstName: string | null
  readonly lastName: string | null
  /** null: take this attribute away. */
  readonly attributes: Readonly<Record<string, AttributeValue | null>>
  readonly resubscribe: boolean
}

/** Reads what a client sent; everything that is wrong comes back at once, each with the path of its field. */
export function readContact(given: GivenContact, path = ''): CleanContact | readonly FieldError[] {
  const errors: FieldError[] = []
  const wrong = (field: string, code: string, message: string): void => {
    errors.push({ field: path + field, code, message })
  }
  const address = parseAddress(given.email)
  if (!address.ok) wrong('email', address.code, address.message)
  const attributes = given.attributes ?? {}
  for (const [name, value] of Object.entries(attributes)) {
    const fault = faultOfAttribute(name, value)
    if (fault !== undefined) wrong(`attributes.${name.slice(0, MAX_ATTRIBUTE_NAME_CHARS)}`, ...fault)
  }
  const names = Object.keys(attributes).length
  if (names > MAX_ATTRIBUTES) wrong('attributes', 'too_many', `At most ${MAX_ATTRIBUTES} attributes.`)
  if (JSON.stringify(attributes).length > MAX_ATTRIBUTES_CHARS) {
    wrong('attributes', 'too_long', `At most ${MAX_ATTRIBUTES_CHARS} characters of attributes together.`)
  }
  if (!address.ok || errors.length > 0) return errors
  return {
    email: address.address,
    key: address.key,
    firstName: nameOf(given.first_name),
    lastName: nameOf(given.last_name),
    attributes,
    resubscribe: given.resubscribe ?? false,
  }
}

/** All or nothing: throws a Problem that names every field that is wrong, by its index. */
export function readContacts(given: readonly GivenContact[]): CleanContact[] {
  const errors: FieldError[] = []
  const contacts = given.flatMap((entry, i): CleanContact[] => {
    const read = readContact(entry, `contacts[${i}].`)
    if ('email' in read) return [read]
    errors.push(...read)
    return []
  })
  if (errors.length > 0) throw badContact(errors)
  return contacts
}

export function badContact(errors: readonly FieldError[]): Problem {
  return new Problem(
    'invalid',
    'contacts.invalid',
    'Nothing was stored. Correct the fields named in errors.',
    { errors },
  )
}

function faultOfAttribute(name: string, value: AttributeValue | null): [string, string] | undefined {
  if (!isAttributeName(name)) {
    return [
      'bad_name',
      `A name has at most ${MAX_ATTRIBUTE_NAME_CHARS} letters, digits and _, and begins with no digit.`,
    ]
  }
  if (typeof value !== 'string') return undefined
  return value.length > MAX_ATTRIBUTE_VALUE_CHARS
    ? ['too_long', `At most ${MAX_ATTRIBUTE_VALUE_CHARS} characters.`]
    : undefined
}

function nameOf(given: string | null | undefined): string | null {
  return given === undefined || given === null ? null : (cleanName(given) ?? null)
}
