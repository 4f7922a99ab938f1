/**
 * Paths of the texts, names or values, that PostgreSQL cannot store: with a NUL, or (in jsonb) with half of a surrogate pair.
 * '' when the value itself is such a text. A name that cannot be stored is told by what it is in.
 */
export function unstorableFields(value: unknown, path = ''): string[] {
  if (typeof value === 'string') return isStorable(value) ? [] : [path]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (!isStorable(name)) return [path]
    const step = Array.isArray(value) ? `[${name}]` : path === '' ? name : `.${name}`
    return unstorableFields(inner, path + step)
  })
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
