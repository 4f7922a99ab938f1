import { Type, type TObject, type TSchema } from 'typebox'

/** One setting as its declaration says it: what the loader checks and what the reference page prints. */
export interface Setting {
  readonly name: string
  readonly schema: TSchema
  readonly kind: 'text' | 'integer' | 'boolean' | 'choice' | 'list'
  readonly description: string
  readonly default: unknown
  readonly isSecret: boolean
  readonly isRequired: boolean
  /** What may be given, as the end of a sentence: "a whole number from 1 to 65535". */
  readonly allowed: string
}

export function settingsOf(section: TObject): Setting[] {
  const properties: Record<string, TSchema> = section.properties
  return Object.entries(properties).map(([name, schema]) => describe(name, schema))
}

function describe(name: string, schema: TSchema): Setting {
  const kind = kindOf(name, schema)
  const defaultValue = keyword(schema, 'default')
  return {
    name,
    schema,
    kind,
    description: text(keyword(schema, 'description')),
    default: defaultValue,
    isSecret: keyword(schema, 'secret') === true,
    isRequired: defaultValue === undefined && !Type.IsOptional(schema),
    allowed: text(keyword(schema, 'allowed')) || allowedOf[kind](schema),
  }
}

function kindOf(name: string, schema: TSchema): Setting['kind'] {
  if (Type.IsInteger(schema)) return 'integer'
  if (Type.IsBoolean(schema)) return 'boolean'
  if (Type.IsEnum(schema)) return 'choice'
  if (Type.IsArray(schema)) return 'list'
  if (Type.IsString(schema)) return 'text'
  throw new Error(`${name}: a setting is a string, an integer, a boolean, an enum or an array of strings.`)
}

const allowedOf: Readonly<Record<Setting['kind'], (schema: TSchema) => string>> = {
  text: () => 'text that is not empty',
  integer: (schema) => `a whole number${range(keyword(schema, 'minimum'), keyword(schema, 'maximum'))}`,
  boolean: () => 'true or false',
  choice: (schema) => `one of ${choicesOf(schema).join(', ')}`,
  list: () => 'values separated by commas',
}

export function choicesOf(schema: TSchema): string[] {
  return Type.IsEnum(schema) ? schema.enum.map(String) : []
}

function range(minimum: unknown, maximum: unknown): string {
  if (typeof minimum === 'number' && typeof maximum === 'number') return ` from ${minimum} to ${maximum}`
  if (typeof minimum === 'number') return ` of at least ${minimum}`
  return typeof maximum === 'number' ? ` of at most ${maximum}` : ''
}

/** TypeBox types only the shape of a schema; its annotations are read by name. */
function keyword(schema: TSchema, name: string): unknown {
  return Reflect.get(schema, name)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The default as it would be written in the environment; empty when there is none. */
export function defaultText(setting: Setting): string {
  if (Array.isArray(setting.default)) return setting.default.join(',')
  return setting.default === undefined ? '' : JSON.stringify(setting.default).replaceAll('"', '')
}
