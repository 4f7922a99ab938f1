export const MAX_NAME_CHARS = 200
export const MAX_ATTRIBUTE_VALUE_CHARS = 2_000
/** Of all attributes of a contact together, as JSON. */
export const MAX_ATTRIBUTES_CHARS = 16_384

export type SubscriptionStatus = 'subscribed' | 'unsubscribed'
/** What happens to a contact that exists: its fields are overwritten by what is given, or it stays as it is. */
export type OnExisting = 'upsert' | 'skip'

export type AttributeValue = string | number | boolean
export type Attributes = Readonly<Record<string, AttributeValue>>

export interface Contact {
  readonly id: string
  readonly email: string
  readonly first_name: string | null
  readonly last_name: string | null
  readonly attributes: Attributes
  readonly created_at: Date
  readonly updated_at: Date
}

const LINE_BREAKS = /\s/
const CONTROLS = /[\s\u0000-\u001f\u007f]+/g

/** A name stands in header fields and greetings: line breaks and runs of blanks become one blank. Undefined when empty. */
export function cleanName(text: string): string | undefined {
  if (text === '') return undefined
  const name = LINE_BREAKS.test(text) || CONTROLS.test(text) ? text.replace(CONTROLS, ' ').trim() : text
  return name === '' ? undefined : name
}
