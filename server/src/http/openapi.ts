import swagger from '@fastify/swagger'
import type { SwaggerTransform, SwaggerTransformObject } from '@fastify/swagger'
import type { FastifyContextConfig, FastifySchema } from 'fastify'
import { Problem } from '#platform/problem.ts'
import { GROUPS } from './openapi-groups.ts'
import { isSchema, NAME_KEYWORD, prepareSchema } from './prepare-schema.ts'
import type { App } from './app.ts'
import { ProblemSchema } from './schemas.ts'

const DESCRIPTION = `Send \`Authorization: Bearer\` with an access token of \`POST /v1/auth/login\` or with an API key.

- Refusals are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problems: \`code\` is stable, \`detail\` says what to do, \`errors\` names fields.
- Lists are read page by page: \`next_cursor\` of a page is the \`cursor\` of the next.
- Times are RFC 3339 in UTC, ids are UUIDv7. Unknown fields are refused.
- This document as OpenAPI 3.1: [/v1/openapi.json](/v1/openapi.json).`

/** What a refusal means on any route. */
export const REFUSALS: Readonly<Record<string, string>> = {
  400: 'Refused: the request is not understood.',
  401: 'Refused: the credentials are missing or not valid.',
  403: 'Refused: the scope is missing, or the role may not do this.',
  404: 'Refused: there is no such thing.',
  409: 'Refused: it conflicts with what is there.',
  413: 'Refused: the body is too large.',
  415: 'Refused: the content type is not taken here.',
  422: 'Refused: fields are wrong; `errors` names them.',
  429: 'Refused: too many requests; `Retry-After` says when to come again.',
  500: 'An error of ours. `request_id` finds it in the log.',
  503: 'Not available now; try again later.',
}

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
      ...accessOf(schema, config),
      ...uploadOf(config),
      ...idempotencyOf(config),
      response: responsesOf(schema, config),
    },
  }
}

function accessOf(schema: FastifySchema, config: FastifyContextConfig): object {
  if (config.public === true) return { security: [] }
  if (config.scope === undefined) return {}
  const said = schema.description === undefined ? '' : `${schema.description}\n\n`
  return { description: `${said}Scope: \`${config.scope}\`` }
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
      Number(status) < 400 ? response : asProblem(status, response),
    ]),
  )
}

/** A route without a declared answer sends a page. */
function pageOf(schema: FastifySchema): object {
  const [type = 'text/html'] = schema.produces ?? []
  return { 200: { description: 'Done.', content: { [type]: { schema: { type: 'string' } } } } }
}

function asProblem(status: string, schema: unknown): object {
  return { description: REFUSALS[status] ?? 'Refused.', content: { 'application/problem+json': { schema } } }
}

/** Every schema with a name becomes a component; where it stood is a reference to it. */
const nameSchemas: SwaggerTransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject
  const { components, ...rest } = document.openapiObject
  const schemas = new Map<string, unknown>()
  const named = hoist({ ...rest, tags: groupsOf(rest.paths) }, schemas)
  const sorted = Object.fromEntries([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)))
  if (!isDocument(named)) throw new Error('The API document has no version.')
  return Object.assign(named, { components: { ...components, schemas: sorted } })
}

/** Groups in the order in which a reader needs them; one that has no description yet comes last. */
function groupsOf(paths: unknown): object[] {
  const used = new Set(
    Object.values(isSchema(paths) ? paths : {})
      .flatMap((path) => Object.values(isSchema(path) ? path : {}))
      .flatMap((operation) =>
        isSchema(operation) && Array.isArray(operation['tags']) ? operation['tags'] : [],
      ),
  )
  return Object.entries(GROUPS)
    .filter(([name]) => used.has(name))
    .map(([name, description]) => ({ name, description }))
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
