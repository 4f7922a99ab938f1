import swagger from '@fastify/swagger'
import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifyContextConfig, FastifySchema } from 'fastify'
import { Problem } from '#platform/problem.ts'
import { isSchema, NAME_KEYWORD, prepareSchema } from './prepare-schema.ts'
import type { App } from './app.ts'
import { ProblemSchema } from './schemas.ts'

const DESCRIPTION = `Send \`Authorization: Bearer\` with an access token of \`POST /v1/auth/login\` or with an API key.
Refusals are RFC 9457 problems: \`code\` is stable, \`detail\` says what to do, \`errors\` names fields.
Lists are read page by page: \`next_cursor\` of a page is the \`cursor\` of the next.
Times are RFC 3339 in UTC, ids are UUIDv7. Unknown fields are refused.`

/** Collects the routes that are registered from now on into an OpenAPI 3.1 document, at `/v1/openapi.json`. */
export async function registerOpenApi(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pigeon',
        version: '1',
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
      security: [{ bearer: [] }],
    },
    convertConstToEnum: false,
    transform: documentRoute,
    transformObject: nameSchemas,
  })
}

const documentRoute: SwaggerTransform<FastifySchema> = ({ schema, url, route }) => {
  if (!isSchema(schema)) return { schema, url }
  const config: FastifyContextConfig = route.config ?? {}
  return {
    url,
    schema: {
      ...schema,
      ...accessOf(config),
      ...uploadOf(config),
      ...idempotencyOf(config),
      response: responsesOf(schema, config),
    },
  }
}

function accessOf(config: FastifyContextConfig): object {
  if (config.public === true) return { security: [] }
  return config.scope === undefined ? {} : { description: `Scope: \`${config.scope}\`` }
}

function uploadOf(config: FastifyContextConfig): object {
  if (config.upload === undefined) return {}
  return { consumes: ['multipart/form-data'], body: prepareSchema(config.upload, { closed: true }) }
}

function idempotencyOf(config: FastifyContextConfig): object {
  if (config.idempotent !== true) return {}
  const description =
    'The same key within 24 hours gets the answer of the first request; nothing is created twice.'
  const key = { type: 'string', minLength: 1, maxLength: 256, description }
  return { headers: { type: 'object', properties: { 'idempotency-key': key } } }
}

/** What any route may answer beside what it declares. */
function responsesOf(schema: FastifySchema, config: FastifyContextConfig): object {
  const takesInput = [schema.body, schema.querystring, schema.params, config.upload].some(
    (part) => part !== undefined,
  )
  const takesBody = schema.body !== undefined || config.upload !== undefined
  const statuses = [
    ...(takesBody ? [400, 413, 415] : []),
    ...(config.public === true ? [] : [401]),
    ...(config.scope === undefined ? [] : [403]),
    ...(config.idempotent === true ? [409] : []),
    ...(takesInput ? [422] : []),
    500,
  ]
  const problem = prepareSchema(ProblemSchema, { closed: false })
  const declared = isSchema(schema.response) ? schema.response : pageOf(schema)
  const all = { ...Object.fromEntries(statuses.map((status) => [status, problem])), ...declared }
  return Object.fromEntries(
    Object.entries(all).map(([status, response]) => [
      status,
      Number(status) < 400 ? response : asProblem(response),
    ]),
  )
}

/** A route without a declared answer sends a page. */
function pageOf(schema: FastifySchema): object {
  const [type = 'text/html'] = schema.produces ?? []
  return { 200: { description: 'Done.', content: { [type]: { schema: { type: 'string' } } } } }
}

function asProblem(schema: unknown): object {
  return { description: 'Refused.', content: { 'application/problem+json': { schema } } }
}

/** Every schema with a name becomes a component; where it stood is a reference to it. */
const nameSchemas: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject
  const { components, ...rest } = document.openapiObject
  const schemas = new Map<string, unknown>()
  const named = hoist(rest, schemas)
  const sorted = Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  if (!isDocument(named)) throw new Error('The API document has no version.')
  return Object.assign(named, { components: { ...components, schemas: sorted } })
}

type ApiDocument = ReturnType<SwaggerTransformObject>

function isDocument(value: unknown): value is ApiDocument {
  return isSchema(value) && typeof value['openapi'] === 'string'
}

function hoist(value: unknown, schemas: Map<string, unknown>): unknown {
  if (value === 'Default Response') return 'Done.'
  if (Array.isArray(value)) return value.map((item) => hoist(item, schemas))
  if (!isSchema(value)) return value
  const { [NAME_KEYWORD]: name, ...fields } = value
  const copy = Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, hoist(item, schemas)]))
  if (typeof name !== 'string') return copy
  const earlier = schemas.get(name)
  if (earlier !== undefined && JSON.stringify(earlier) !== JSON.stringify(copy)) {
    throw new Problem('conflict', 'openapi.name_taken', `Two different schemas have the $id ${name}.`)
  }
  schemas.set(name, copy)
  return { $ref: `#/components/schemas/${name}` }
}
