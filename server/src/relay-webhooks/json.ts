/** A member of what strangers wrote as JSON, however deep; undefined when it is not there. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value
  for (const key of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined
    here = Reflect.get(here, key)
  }
  return here
}

/** The same as text; numbers are written out. Undefined for anything else. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = at(value, ...path)
  return typeof found === 'string' || typeof found === 'number' ? String(found) : undefined
}

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path)
  return Array.isArray(found) ? found : []
}

/** Undefined when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return undefined
  }
}

/** An instant from RFC 3339, or from seconds since 1970; `otherwise` when it is neither. */
export function dateOf(text: string | undefined, otherwise: Date): Date {
  const ms = /^\d+(?:\.\d+)?$/.test(text ?? '') ? Number(text) * 1000 : Date.parse(text ?? '')
  return Number.isFinite(ms) && Math.abs(ms) < MAX_DATE_MS ? new Date(ms) : otherwise
}

/** Year 9999: what PostgreSQL and RFC 3339 can both say. */
const MAX_DATE_MS = 253_402_300_799_000
