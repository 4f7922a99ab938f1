import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { Problem } from '#platform/problem.ts'
import { createApp } from './app.ts'
import type { App } from './app.ts'
import { receiveFile } from './uploads.ts'
import { IdParams, NoContent, Page, PageQuery, problems, Timestamp } from './schemas.ts'
import { who } from './who.ts'
import type { Identity } from './who.ts'

const log = createLog({ level: 'silent', role: 'test' })

const CALLER: Identity = {
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

async function exampleApp(checks: Record<string, () => Promise<unknown>> = {}): Promise<App> {
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

const SIGNED_IN = { authorization: 'Bearer good' }

async function post(app: App, payload: unknown) {
  return app.inject({
    method: 'POST',
    url: '/v1/things',
    headers: { ...SIGNED_IN, 'content-type': 'application/json' },
    payload: JSON.stringify(payload),
  })
}

test('a declared answer leaves, an undeclared field does not', async () => {
  const app = await exampleApp()
  const reply = await app.inject({
    url: '/v1/things?limit=3',
    headers: { ...SIGNED_IN, 'x-request-id': 'mine-1' },
  })
  assert.equal(reply.statusCode, 200)
  assert.deepEqual(reply.json(), {
    data: [{ id: `${CALLER.tenantId} 3`, at: '1970-01-01T00:00:00.000Z' }],
    has_more: false,
    next_cursor: null,
  })
  assert.equal(reply.headers['x-request-id'], 'mine-1')
})

test('an unreasonable request id is replaced', async () => {
  const app = await exampleApp()
  const reply = await app.inject({ url: '/healthz', headers: { 'x-request-id': 'a b\tc' } })
  assert.match(String(reply.headers['x-request-id']), /^[0-9a-f-]{36}$/)
})

test('unknown fields are refused by name, at every depth', async () => {
  const app = await exampleApp()
  const reply = await post(app, {
    name: 'x',
    colour: 'red',
    from: { email: 'a', naem: 'b' },
    rows: [{ n: 1 }, { n: 2, m: 3 }],
  })
  assert.equal(reply.statusCode, 422)
  assert.equal(reply.headers['content-type'], 'application/problem+json; charset=utf-8')
  const body = reply.json<{ code: string; detail: string; errors: { field: string; code: string }[] }>()
  assert.equal(body.code, 'request.invalid')
  assert.equal(body.detail, 'There is no such field: colour, from.naem, rows[1].m.')
  assert.deepEqual(
    body.errors.map((error) => [error.field, error.code]),
    [
      ['colour', 'unknown_field'],
      ['from.naem', 'unknown_field'],
      ['rows[1].m', 'unknown_field'],
    ],
  )
})

test('an unknown query parameter is refused by name', async () => {
  const app = await exampleApp()
  const reply = await app.inject({ url: '/v1/things?limt=3', headers: SIGNED_IN })
  assert.equal(reply.statusCode, 422)
  assert.deepEqual(
    reply.json<{ errors: { field: string }[] }>().errors.map((error) => error.field),
    ['limt'],
  )
})

test('what is wrong with a field is said in a sentence', async () => {
  const app = await exampleApp()
  const cases: [unknown, string, string][] = [
    [{}, 'name', 'This field is required.'],
    [{ name: 5 }, 'name', 'This must be text.'],
    [{ name: '' }, 'name', 'This must not be empty.'],
    [{ name: 'abcdef' }, 'name', 'This may have at most 5 characters.'],
    [{ name: 'x', kind: 'c' }, 'kind', 'This must be one of: a, b.'],
    [{ name: 'x', note: 'long' }, 'note', 'This may have at most 3 characters.'],
    [{ name: 'x', rows: [{ n: 1.5 }] }, 'rows[0].n', 'This must be a whole number.'],
    [[], 'body', 'This must be an object.'],
  ]
  for (const [payload, field, message] of cases) {
    const reply = await post(app, payload)
    assert.equal(reply.statusCode, 422, JSON.stringify(payload))
    const { errors } = reply.json<{ errors: { field: string; message: string }[] }>()
    assert.deepEqual(
      errors.map((error) => [error.field, error.message]),
      [[field, message]],
    )
  }
})

test('a body is not coerced, a query is', async () => {
  const app = await exampleApp()
  assert.equal((await post(app, { name: 12 })).statusCode, 422)
  assert.equal((await app.inject({ url: '/v1/things?limit=101', headers: SIGNED_IN })).statusCode, 422)
  assert.equal((await app.inject({ url: '/v1/things?limit=ten', headers: SIGNED_IN })).statusCode, 422)
})

test('a path parameter that is no id is refused', async () => {
  const app = await exampleApp()
  const reply = await app.inject({ method: 'DELETE', url: '/v1/things/7', headers: SIGNED_IN })
  assert.equal(reply.statusCode, 422)
  assert.match(reply.body, /This must be a UUID/)
})

test('204 has no body', async () => {
  const app = await exampleApp()
  const reply = await app.inject({ method: 'DELETE', url: `/v1/things/${CALLER.userId}`, headers: SIGNED_IN })
  assert.equal(reply.statusCode, 204)
  assert.equal(reply.body, '')
})

test('without credentials 401, without the scope 403, before the body is looked at', async () => {
  const app = await exampleApp()
  const unknown = await app.inject({ method: 'POST', url: '/v1/things', payload: { rubbish: 1 } })
  assert.equal(unknown.statusCode, 401)
  assert.equal(unknown.headers['www-authenticate'], 'Bearer')
  const refused = await app.inject({ url: '/v1/domains', headers: SIGNED_IN })
  assert.equal(refused.statusCode, 403)
  assert.match(refused.json<{ detail: string }>().detail, /domains:read/)
})

test('an unknown path is 404, a known path with another method 405', async () => {
  const app = await exampleApp()
  const missing = await app.inject({ url: '/v1/nothing?token=secret', headers: SIGNED_IN })
  assert.equal(missing.statusCode, 404)
  assert.doesNotMatch(missing.body, /secret/)
  const method = await app.inject({ method: 'PATCH', url: '/v1/things' })
  assert.equal(method.statusCode, 405)
  assert.equal(method.headers.allow, 'GET, HEAD, POST')
  assert.equal(method.headers['content-type'], 'application/problem+json; charset=utf-8')
})

test('malformed JSON is 400, another media type 415, too long a body 413', async () => {
  const app = await exampleApp()
  const send = async (type: string, payload: string) =>
    app.inject({
      method: 'POST',
      url: '/v1/things',
      headers: { ...SIGNED_IN, 'content-type': type },
      payload,
    })
  assert.equal((await send('application/json', '{"name":')).statusCode, 400)
  assert.equal((await send('application/json', '')).statusCode, 400)
  assert.equal((await send('text/plain', 'x')).statusCode, 415)
  assert.equal((await send('application/xml', '<x/>')).statusCode, 415)
  const long = await send('application/json', `{"name":"${'x'.repeat(9_000_000)}"}`)
  assert.equal(long.statusCode, 413)
  assert.equal(long.headers['content-type'], 'application/problem+json; charset=utf-8')
})

test('a body that is missing altogether is asked for', async () => {
  const app = await exampleApp()
  const reply = await app.inject({ method: 'POST', url: '/v1/things', headers: SIGNED_IN })
  assert.equal(reply.statusCode, 422)
  assert.match(reply.body, /Send a JSON body/)
})

test('a refusal that passes says when to ask again', async () => {
  const app = await exampleApp()
  const reply = await post(app, { name: 'wait' })
  assert.equal(reply.statusCode, 429)
  assert.equal(reply.headers['retry-after'], '2')
})

test('a bug is a 500 that tells nothing but its request id', async () => {
  const app = await exampleApp()
  const reply = await post(app, { name: 'bug' })
  assert.equal(reply.statusCode, 500)
  assert.doesNotMatch(reply.body, /secret detail|TypeError|at /)
  assert.equal(reply.json<{ request_id: string }>().request_id, reply.headers['x-request-id'])
})

test('a route that does not say who may call it does not start', async () => {
  const app = await exampleApp()
  assert.throws(() => app.get('/v1/open', async () => 'hello'), /must declare exactly one of/)
  assert.throws(
    () => app.get('/v1/both', { config: { public: true, scope: 'send' } }, async () => ''),
    /exactly one/,
  )
})

test('ready only when everything answers', async () => {
  const ready = await exampleApp({ database: async () => 1 })
  assert.equal((await ready.inject('/readyz')).statusCode, 200)
  const broken = await exampleApp({
    database: async () => 1,
    analytics: async () => Promise.reject(new Error('gone')),
  })
  const reply = await broken.inject('/readyz')
  assert.equal(reply.statusCode, 503)
  assert.equal(reply.json<{ detail: string }>().detail, 'Not ready: analytics did not answer.')
  assert.equal((await broken.inject('/healthz')).statusCode, 200)
})

function form(parts: readonly string[]): { headers: Record<string, string>; payload: string } {
  const payload =
    parts.map((part) => `--b\r\nContent-Disposition: form-data; ${part}\r\n`).join('') + '--b--\r\n'
  return { headers: { ...SIGNED_IN, 'content-type': 'multipart/form-data; boundary=b' }, payload }
}

test('an upload is streamed with its fields', async () => {
  const app = await exampleApp()
  const send = async (parts: readonly string[]) =>
    app.inject({ method: 'POST', url: '/v1/upload', ...form(parts) })
  const file = 'name="file"; filename="a.csv"\r\n\r\n'
  const good = await send(['name="mode"\r\n\r\nskip', `${file}a,b,c`])
  assert.equal(good.body, '{"words":"skip a.csv a,b,c"}')
  assert.equal((await send([`${file}${'x'.repeat(11)}`])).statusCode, 413)
  assert.equal((await send(['name="mode"\r\n\r\nskip'])).statusCode, 422)
  assert.equal((await send(['name="mod"\r\n\r\nskip', `${file}a`])).statusCode, 422)
  assert.equal((await send([`${file}a`, 'name="mode"\r\n\r\nskip'])).statusCode, 422)
  const json = await app.inject({ method: 'POST', url: '/v1/upload', headers: SIGNED_IN, payload: { a: 1 } })
  assert.equal(json.statusCode, 422)
})

test('the document names its schemas, its scopes and its refusals', async () => {
  const app = await exampleApp()
  const reply = await app.inject('/v1/openapi.json')
  const document = reply.json()
  assert.equal(document.openapi, '3.1.0')
  assert.deepEqual(Object.keys(document.components.schemas), ['NewThing', 'Problem', 'Thing'])
  const create = document.paths['/v1/things'].post
  assert.deepEqual(create.requestBody.content['application/json'].schema, {
    $ref: '#/components/schemas/NewThing',
  })
  assert.deepEqual(create.responses['422'].content['application/problem+json'].schema, {
    $ref: '#/components/schemas/Problem',
  })
  assert.deepEqual(
    document.paths['/v1/things'].get.responses['200'].content['application/json'].schema.properties.data
      .items,
    {
      $ref: '#/components/schemas/Thing',
    },
  )
  assert.equal(
    document.paths['/v1/upload'].post.requestBody.content['multipart/form-data'].schema.properties.file
      .format,
    'binary',
  )
  assert.doesNotMatch(reply.body, /x-name|\$id/)
})

test('the reference page loads nothing from elsewhere', async () => {
  const app = await exampleApp()
  const page = await app.inject('/docs/')
  assert.equal(page.statusCode, 200)
  assert.doesNotMatch(page.body, /(src|href)="https?:/)
  assert.equal((await app.inject('/docs/static/swagger-ui-bundle.js')).statusCode, 200)
  const script = await app.inject('/docs/static/swagger-initializer.js')
  assert.equal(script.statusCode, 200)
  assert.match(script.body, /validatorUrl/)
})
