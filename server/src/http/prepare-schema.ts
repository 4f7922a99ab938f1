/** A JSON Schema as data: what TypeBox builds, seen without its types. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Where a schema's name is kept between a route and the API document. Ajv would refuse the same `$id` twice. */
export const NAME_KEYWORD = 'x-name'

const LISTS_OF_SCHEMAS = new Set(['anyOf', 'oneOf', 'allOf'])
const MAPS_OF_SCHEMAS = new Set(['properties', 'patternProperties', '$defs'])
const SCHEMAS = new Set(['items', 'additionalProperties', 'not'])

/**
 * A copy in which `$id` has become a name for the API document. `closed`: objects take no other fields than they
 * declare, unless a schema says otherwise itself, so that a misspelt field is refused instead of ignored.
 */
export function prepareSchema(schema: unknown, options: { closed: boolean }): unknown {
  if (!isSchema(schema)) return schema
  const combined = Array.isArray(schema['allOf'])
  // The parts of an intersection each know some of the fields only: what is left over is refused at its end.
  const inner = { closed: options.closed && !combined }
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(schema)) {
    if (key === '$id') copy[NAME_KEYWORD] = value
    else copy[key] = prepareKeyword(key, value, inner)
  }
  if (options.closed && combined) copy['unevaluatedProperties'] = false
  else if (options.closed && isOpenObject(copy)) copy['additionalProperties'] = false
  return copy
}

function isOpenObject(schema: JsonSchema): boolean {
  return (
    schema['type'] === 'object' && schema['properties'] !== undefined && !('additionalProperties' in schema)
  )
}

function prepareKeyword(key: string, value: unknown, options: { closed: boolean }): unknown {
  if (LISTS_OF_SCHEMAS.has(key) && Array.isArray(value))
    return value.map((item) => prepareSchema(item, options))
  if (SCHEMAS.has(key)) return prepareSchema(value, options)
  if (MAPS_OF_SCHEMAS.has(key) && isSchema(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, prepareSchema(item, options)]),
    )
  }
  return value
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
