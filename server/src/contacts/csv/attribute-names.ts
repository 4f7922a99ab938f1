export const MAX_ATTRIBUTES = 100
export const MAX_ATTRIBUTE_NAME_CHARS = 64
const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u

/** A flat name that a template can write as it is: `contact.signup_date`. */
export function isAttributeName(name: string): boolean {
  return name.length <= MAX_ATTRIBUTE_NAME_CHARS && NAME.test(name)
}

/** The attribute for a column: `Signup Date` is `signup_date`; accents are dropped, other letters stay. */
export function attributeNameOf(column: string): string {
  const name = column
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '')
    .normalize('NFC')
    .slice(0, MAX_ATTRIBUTE_NAME_CHARS - 4)
  if (name === '') return 'column'
  return /^\p{L}/u.test(name) ? name : `column_${name}`
}
