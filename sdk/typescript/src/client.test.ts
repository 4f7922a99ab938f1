import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import { createPigeon, paginate, PigeonError, take, upload } from './client.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

async function serve(scope: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(request, response, Buffer.concat(chunks).toString()))
  })
  const listening = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', () => listening.resolve())
  await listening.promise
  scope.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = server.address()
  assert.ok(typeof at === 'object' && at !== null)
  return `http://127.0.0.1:${at.port}/`
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

const DOMAIN = { id: '019a0000-0000-7000-8000-000000000001', name: 'example.com' }

test('a call sends its token and gives the answer', async (t) => {
  const baseUrl = await serve(t, (request, response, body) => {
    assert.equal(request.headers.authorization, 'Bearer pg_test_x')
    json(response, 201, { ...DOMAIN, sent: JSON.parse(body) })
  })
  const pigeon = createPigeon({ baseUrl, token: () => 'pg_test_x' })
  const domain = await take(pigeon.POST('/v1/domains', { body: { name: 'example.com' } }))
  assert.deepEqual(domain, { ...DOMAIN, sent: { name: 'example.com' } })
})

test('a problem becomes a PigeonError with its code, fields and waiting time', async (t) => {
  const errors = [{ field: 'name', code: 'required', message: 'This field is required.' }]
  const baseUrl = await serve(t, (_request, response) =>
    json(
      response,
      429,
      { code: 'x.slow', detail: 'Slower.', errors, request_id: 'r1' },
      { 'retry-after': '7' },
    ),
  )
  await assert.rejects(take(createPigeon({ baseUrl }).GET('/v1/me')), (error) => {
    assert.ok(error instanceof PigeonError)
    assert.deepEqual(
      {
        message: error.message,
        code: error.code,
        status: error.status,
        errors: error.errors,
        id: error.requestId,
        wait: error.retryAfterMs,
      },
      { message: 'Slower.', code: 'x.slow', status: 429, errors, id: 'r1', wait: 7000 },
    )
    return true
  })
})

test('an answer that is no problem document is an error with its status', async (t) => {
  const baseUrl = await serve(t, (_request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>')
  })
  await assert.rejects(take(createPigeon({ baseUrl }).GET('/v1/me')), {
    code: 'http.502',
    message: 'The server answered 502 Bad Gateway.',
  })
})

test('nobody there is a sentence', async () => {
  const pigeon = createPigeon({ baseUrl: 'http://127.0.0.1:9' })
  await assert.rejects(take(pigeon.GET('/v1/me')), { code: 'client.unreachable', status: 0 })
})

test('a server that does not answer is given up', async (t) => {
  const baseUrl = await serve(t, () => undefined)
  await assert.rejects(take(createPigeon({ baseUrl, timeoutMs: 50 }).GET('/v1/me')), {
    code: 'client.timeout',
  })
})

test('a list is read to its end', async (t) => {
  const asked: (string | undefined)[] = []
  const baseUrl = await serve(t, (request, response) => {
    asked.push(request.url)
    const isFirst = request.url?.includes('cursor=') !== true
    json(response, 200, {
      data: isFirst ? [{ name: 'a' }, { name: 'b' }] : [{ name: 'c' }],
      has_more: isFirst,
      next_cursor: isFirst ? 'n' : null,
    })
  })
  const pigeon = createPigeon({ baseUrl })
  const names: string[] = []
  for await (const domain of paginate(
    (page) => take(pigeon.GET('/v1/domains', { params: { query: { ...page } } })),
    2,
  ))
    names.push(domain.name)
  assert.deepEqual(names, ['a', 'b', 'c'])
  assert.deepEqual(asked, ['/v1/domains?limit=2', '/v1/domains?limit=2&cursor=n'])
})

test('a server that repeats its cursor does not hold the client for ever', async () => {
  const endless = paginate(async () => ({ data: [1], next_cursor: 'same' }))
  await assert.rejects(readAll(endless), { code: 'client.endless_list' })
})

test('an upload puts the file after its fields', async () => {
  const { bodySerializer } = upload({ mode: 'skip', none: undefined }, new Blob(['a,b']), 'people.csv')
  const body = await new Response(bodySerializer()).text()
  assert.ok(body.indexOf('name="mode"') < body.indexOf('name="file"; filename="people.csv"'))
  assert.doesNotMatch(body, /name="none"/)
})

async function readAll(items: AsyncIterable<unknown>): Promise<void> {
  for await (const item of items) assert.ok(item !== undefined)
}
