import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Options } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { FastifySchemaCompiler } from 'fastify'
import { Problem, type FieldError } from '#platform/problem.ts'
import { fieldErrors } from './field-errors.ts'
import { unstorableFields } from './unstorable-text.ts'
import { NAME_KEYWORD } from './prepare-schema.ts'

/** A hostile body can be wrong in a hundred thousand places: this many are told. */
const MAX_ERRORS_TOLD = 50

const OPTIONS: Options = {
  allErrors: true,
  // Union members are told by their values: see field-errors.ts.
  verbose: true,
  useDefaults: true,
  // A keyword or format that Ajv does not know is a mistake in a schema: the start fails.
  strictSchema: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
}

const PLACES = {
  body: 'The body',
  querystring: 'The query',
  params: 'The path',
  headers: 'The headers',
} as const

/** Bodies are taken as they are; in a query and in a path everything is text, so `limit=20` becomes a number. */
export function createValidatorCompiler(): FastifySchemaCompiler<object> {
  const strict = withFormats(new Ajv2020(OPTIONS))
  const coercing = withFormats(new Ajv2020({ ...OPTIONS, coerceTypes: 'array' }))
  return ({ schema, httpPart = 'body' }) => {
    const validate = (httpPart === 'body' ? strict : coercing).compile(schema)
    const place = httpPart in PLACES ? httpPart : 'body'
    return (data: unknown) => {
      if (validate(data)) {
        const fields = unstorableFields(data)
        return fields.length === 0
          ? true
          : { error: invalidRequest(fields.map((field) => unstorable(field || place))) }
      }
      if (httpPart === 'body' && (data === undefined || data === null)) return { error: bodyMissing() }
      return { error: invalidRequest(fieldErrors(validate.errors ?? [], place)) }
    }
  }
}

function withFormats(ajv: Ajv2020): Ajv2020 {
  formats.default(ajv)
  ajv.addVocabulary([NAME_KEYWORD, 'example'])
  return ajv
}

function unstorable(field: string): FieldError {
  const message =
    'This has a NUL character or half of a surrogate pair, which cannot be stored. Leave it out.'
  return { field, code: 'not_text', message }
}

function bodyMissing(): Problem {
  return new Problem(
    'invalid',
    'request.body_missing',
    'Send a JSON body with Content-Type: application/json.',
  )
}

function invalidRequest(errors: ReturnType<typeof fieldErrors>): Problem {
  const told = errors.slice(0, MAX_ERRORS_TOLD)
  const fields = [...new Set(told.map((error) => error.field))].slice(0, 5).join(', ')
  const unknown = told.every((error) => error.code === 'unknown_field')
  const detail = unknown ? `There is no such field: ${fields}.` : `Correct what \`errors\` names: ${fields}.`
  return new Problem('invalid', 'request.invalid', detail, { errors: told })
}
