import type { ErrorObject } from 'ajv/dist/2020.js'
import type { FieldError } from '#platform/problem.ts'

/**
 * What is wrong with each field, in sentences. A union reports what is wrong with the form that the caller most
 * likely meant, not with each of the forms.
 */
export function fieldErrors(errors: readonly ErrorObject[], whole: string): FieldError[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')
  const outer = unions.filter((union) => !unions.some((other) => isWithin(union, other)))
  const plain = errors.filter(
    (error) => !outer.includes(error) && !outer.some((union) => isWithin(error, union)),
  )
  return [
    ...plain.map((error) => describe(error, whole)),
    ...outer.flatMap((union) =>
      describeUnion(
        union,
        errors.filter((error) => isWithin(error, union)),
        whole,
      ),
    ),
  ]
}

function isWithin(error: ErrorObject, union: ErrorObject): boolean {
  if (error === union || !error.schemaPath.startsWith(`${union.schemaPath}/`)) return false
  return error.instancePath === union.instancePath || error.instancePath.startsWith(`${union.instancePath}/`)
}

function describeUnion(union: ErrorObject, inner: readonly ErrorObject[], whole: string): FieldError[] {
  const constants = inner
    .filter((error) => error.keyword === 'const')
    .map((error) => error.params['allowedValue'])
  if (inner.length > 0 && constants.length === inner.length) {
    return [{ field: fieldOf(union, whole), code: 'not_allowed', message: oneOf(constants) }]
  }
  const forms = new Map<string, ErrorObject[]>()
  for (const error of inner) {
    const form = error.schemaPath.slice(union.schemaPath.length + 1).split('/', 1)[0] ?? ''
    if (error.keyword === 'type' && error.params['type'] === 'null') continue
    forms.set(form, [...(forms.get(form) ?? []), error])
  }
  const likely = [...forms.values()].sort((a, b) => a.length - b.length)[0]
  return likely === undefined ? [describe(union, whole)] : fieldErrors(likely, whole)
}

/** The path as the caller wrote it: `from.email`, `recipients[3].name`. */
function fieldOf(error: ErrorObject, whole: string, child?: unknown): string {
  const steps = error.instancePath
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (typeof child === 'string') steps.push(child)
  const path = steps.map((step) => (/^\d+$/.test(step) ? `[${step}]` : `.${step}`)).join('')
  return path === '' ? whole : path.replace(/^\./, '')
}

const FORMATS: Record<string, string> = {
  uuid: 'a UUID',
  'date-time': 'a time like 2026-11-22T09:30:00Z',
  date: 'a date like 2026-11-22',
  email: 'an email address',
  uri: 'an address like https://example.com/',
}

const TYPES: Record<string, string> = {
  object: 'an object',
  array: 'an array',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  null: 'null',
}

function describe(error: ErrorObject, whole: string): FieldError {
  const field = fieldOf(error, whole)
  const { params } = error
  switch (error.keyword) {
    case 'required':
      return {
        field: fieldOf(error, whole, params['missingProperty']),
        code: 'required',
        message: 'This field is required.',
      }
    case 'additionalProperties':
      return unknownField(fieldOf(error, whole, params['additionalProperty']))
    case 'unevaluatedProperties':
      return unknownField(fieldOf(error, whole, params['unevaluatedProperty']))
    case 'type':
      return { field, code: 'type', message: `This must be ${named(TYPES, params['type'])}.` }
    case 'format':
      return { field, code: 'format', message: `This must be ${named(FORMATS, params['format'])}.` }
    case 'enum':
      return {
        field,
        code: 'not_allowed',
        message: oneOf(Array.isArray(params['allowedValues']) ? params['allowedValues'] : []),
      }
    case 'const':
      return { field, code: 'not_allowed', message: oneOf([params['allowedValue']]) }
    default:
      return limitError(error, field)
  }
}

function limitError(error: ErrorObject, field: string): FieldError {
  const limit = String(error.params['limit'])
  switch (error.keyword) {
    case 'minLength':
      return {
        field,
        code: 'too_short',
        message: limit === '1' ? 'This must not be empty.' : `This needs at least ${limit} characters.`,
      }
    case 'maxLength':
      return { field, code: 'too_long', message: `This may have at most ${limit} characters.` }
    case 'minItems':
      return {
        field,
        code: 'too_few',
        message: `This needs at least ${limit} ${limit === '1' ? 'item' : 'items'}.`,
      }
    case 'maxItems':
      return { field, code: 'too_many', message: `This may have at most ${limit} items.` }
    case 'minimum':
      return { field, code: 'too_small', message: `This must be at least ${limit}.` }
    case 'maximum':
      return { field, code: 'too_large', message: `This must be at most ${limit}.` }
    default:
      return { field, code: 'invalid', message: `This ${error.message ?? 'is not valid'}.` }
  }
}

function unknownField(field: string): FieldError {
  return {
    field,
    code: 'unknown_field',
    message: 'There is no such field. Check its spelling, or leave it out.',
  }
}

function named(names: Record<string, string>, key: unknown): string {
  return [key]
    .flat()
    .map((one) => names[String(one)] ?? String(one))
    .join(' or ')
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map(String)
  return words.length === 1 ? `This must be ${words.join('')}.` : `This must be one of: ${words.join(', ')}.`
}
