/** Longer records are not read: no policy needs as much, and a name server may say anything. */
const MAX_RECORD_CHARS = 4_096
const MAX_FIELDS = 32

/** RFC 8461 3.1 and RFC 8460 3 share this grammar: a name, and printable ASCII without semicolons. */
const FIELD = /^([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<-~]+(?:[ \t]+[!-:<-~]+)*)$/

/**
 * The fields of the one TXT record that begins with `v=VERSION;`, with the first value of each. Undefined when there is
 * none, more than one, or one that breaks the grammar: each means that the domain has no such policy (RFC 8461 3.1).
 * A record is given as its strings are joined.
 */
export function policyFields(records: readonly string[], version: string): Map<string, string> | undefined {
  const ours = records.filter((text) => new RegExp(`^v=${version}[ \\t]*;`).test(text.slice(0, 64)))
  const [record] = ours
  if (record === undefined || ours.length > 1 || record.length > MAX_RECORD_CHARS) return undefined
  const parts = record.split(';').map((part) => part.replace(/^[ \t]+|[ \t]+$/g, ''))
  if (parts.at(-1) === '') parts.pop()
  if (parts.length > MAX_FIELDS) return undefined
  const fields = new Map<string, string>()
  for (const part of parts.slice(1)) {
    const [, name, value] = FIELD.exec(part) ?? []
    if (name === undefined || value === undefined) return undefined
    if (!fields.has(name)) fields.set(name, value)
  }
  return fields
}
