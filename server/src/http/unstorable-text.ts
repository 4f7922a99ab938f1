/**
 * The path of the first text, name or value, that PostgreSQL cannot store: with a NUL, or with half of a surrogate pair (in
 * jsonb). Null when all of it can be; '' when the value itself is that text.
 */
export function findUnstorable(value: unknown, path = ''): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : path
  if (typeof value !== 'object' || value === null) return null
  for (const [name, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? `[${name}]` : path === '' ? name : `.${name}`
    if (!isStorable(name)) return path
    const found = findUnstorable(inner, path + step)
    if (found !== null) return found
  }
  return null
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
