import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { App } from './app.ts'
import { CALLER, exampleApp, SIGNED_IN } from './example-app.ts'

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

test('text that no database can hold is refused with its field, in a body, a query and a path', async () => {
  const app = await exampleApp()
  const post = async (payload: string) => {
    const headers = { authorization: 'Bearer good', 'content-type': 'application/json' }
    return app.inject({ method: 'POST', url: '/v1/things', headers, payload })
  }
  for (const [payload, fields] of [
    ['{"name":"a\\u0000b"}', ['name']],
    ['{"name":"\\u0000","from":{"email":"\\ud800"}}', ['name', 'from.email']],
  ] as const) {
    const reply = await post(payload)
    assert.equal(reply.statusCode, 422)
    assert.deepEqual(
      reply
        .json<{ errors: { field: string; code: string }[] }>()
        .errors.map((each) => [each.field, each.code]),
      fields.map((field) => [field, 'not_text']),
    )
  }
  assert.equal((await post('{"name":"a😀"}')).statusCode, 201)
  const query = await app.inject({ url: '/v1/things?cursor=%00', headers: { authorization: 'Bearer good' } })
  assert.equal(query.statusCode, 422)
})
