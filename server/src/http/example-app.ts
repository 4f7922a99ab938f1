import { Type } from 'typebox'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { createApp } from './app.ts'
import type { App } from './app.ts'
import { IdParams, NoContent, Page, PageQuery, problems, Timestamp } from './schemas.ts'
import { receiveFile } from './uploads.ts'
import { who } from './who.ts'
import type { Identity } from './who.ts'

const log = createLog({ level: 'silent', role: 'test' })

export const CALLER: Identity = {
  tenantId: '019a0000-0000-7000-8000-000000000001',
  userId: '019a0000-0000-7000-8000-000000000002',
  role: 'editor',
  scopes: ['lists:read', 'lists:write'],
  mode: 'sandbox',
}

const Thing = Type.Object({ id: Type.String(), at: Timestamp }, { $id: 'Thing' })
const NewThing = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 5 }),
    kind: Type.Optional(Type.Union([Type.Literal('a'), Type.Literal('b')])),
    note: Type.Optional(Type.Union([Type.String({ maxLength: 3 }), Type.Null()])),
    from: Type.Optional(Type.Object({ email: Type.String() })),
    rows: Type.Optional(Type.Array(Type.Object({ n: Type.Integer() }))),
  },
  { $id: 'NewThing' },
)

/** An app with a few routes of every kind, and one caller: an editor. */
export async function exampleApp(checks: Record<string, () => Promise<unknown>> = {}): Promise<App> {
  const app = await createApp({
    log,
    clock: systemClock,
    checks,
    authenticate: async (request) => {
      if (request.headers.authorization === 'Bearer good') return CALLER
      throw new Problem('unauthenticated', 'auth.missing', 'Sign in.')
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/things',
    schema: {
      operationId: 'listThings',
      tags: ['Things'],
      summary: 'Things',
      querystring: PageQuery,
      response: { 200: Page(Thing) },
    },
    config: { scope: 'lists:read' },
    handler: async (request) => {
      const { limit } = request.query
      const row = { id: `${who(request).tenantId} ${limit}`, at: new Date(0), secret: 'never leaves' }
      return { data: [row], has_more: false, next_cursor: null }
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/things',
    schema: {
      operationId: 'createThing',
      tags: ['Things'],
      summary: 'New',
      body: NewThing,
      response: { 201: Thing, ...problems(404, 409) },
    },
    config: { scope: 'lists:write' },
    handler: async (request, reply) => {
      if (request.body.name === 'bug') throw new TypeError('secret detail')
      if (request.body.name === 'wait')
        throw new Problem('limited', 'things.slow', 'Slower.', { retryAfterMs: 1500 })
      reply.code(201)
      return { id: request.body.name, at: new Date(0) }
    },
  })
  app.route({
    method: 'DELETE',
    url: '/v1/things/:id',
    schema: {
      operationId: 'deleteThing',
      tags: ['Things'],
      summary: 'Away',
      params: IdParams,
      response: { 204: NoContent },
    },
    config: { scope: 'lists:write' },
    handler: async (_request, reply) => {
      reply.code(204)
      return null
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/domains',
    schema: {
      operationId: 'listDomains',
      tags: ['Things'],
      summary: 'Not for editors',
      response: { 204: NoContent },
    },
    config: { scope: 'domains:read' },
    handler: async () => null,
  })
  app.route({
    method: 'POST',
    url: '/v1/upload',
    schema: {
      operationId: 'upload',
      tags: ['Things'],
      summary: 'File',
      response: { 200: Type.Object({ words: Type.String() }) },
    },
    config: {
      scope: 'lists:write',
      upload: Type.Object({ mode: Type.String(), file: Type.String({ format: 'binary' }) }),
    },
    handler: async (request) => {
      const upload = await receiveFile(request, {
        fields: ['mode'],
        maxBytes: 10,
        store: async (stream) => Buffer.concat(await stream.toArray()).toString(),
        discard: async () => undefined,
      })
      return { words: `${upload.fields['mode']} ${upload.fileName} ${upload.stored}` }
    },
  })
  return app
}

export const SIGNED_IN = { authorization: 'Bearer good' }
