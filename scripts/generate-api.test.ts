import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiDocument, apiFiles } from './generate-api.ts'

interface Operation {
  operationId?: string
  tags?: string[]
  summary?: string
  security?: unknown[]
  responses: Record<string, unknown>
}

async function operations(): Promise<(Operation & { at: string })[]> {
  // Written by ourselves just now, and looked at field by field below.
  const { paths } = JSON.parse(JSON.stringify(await apiDocument())) as {
    paths: Record<string, Record<string, Operation>>
  }
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, at: `${method} ${path}` })),
  )
}

/** What anybody may call. Each is public on purpose. */
const PUBLIC = [
  'get /healthz',
  'get /readyz',
  'get /u/{token}',
  'get /u/{token}/lists',
  'get /v1/openapi.json',
  'get /v1/setup',
  'get /v1/stream',
  'post /u/{token}',
  'post /u/{token}/lists',
  'post /v1/auth/login',
  'post /v1/relay-webhooks/{token}',
  'post /v1/setup',
]

test('every operation has a name of its own, a tag, a summary and an answer', async () => {
  const all = await operations()
  assert.ok(all.length >= 15)
  assert.equal(new Set(all.map((operation) => operation.operationId)).size, all.length)
  for (const { at, operationId, tags, summary, responses } of all) {
    assert.ok(operationId !== undefined && tags?.length === 1 && summary !== undefined, at)
    assert.ok(
      // 101 is the answer of a WebSocket, which asks for credentials by itself.
      Object.keys(responses).some((status) => status.startsWith('2') || status === '101'),
      at,
    )
  }
})

test('what is open to everybody is listed here', async () => {
  const open = (await operations())
    .filter((operation) => operation.security?.length === 0)
    .map((operation) => operation.at)
  assert.deepEqual(open.sort(), PUBLIC)
})

test('two runs write the same, and no secret stands in it', async () => {
  const [first, second] = [await apiFiles(), await apiFiles()]
  assert.deepEqual(first, second)
  assert.doesNotMatch(JSON.stringify(first), /pg_(live|test)_[0-9A-Za-z]{42}|eyJhbGci|PRIVATE KEY/)
})
