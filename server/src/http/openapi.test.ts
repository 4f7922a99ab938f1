import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleApp } from './example-app.ts'

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
