import assert from 'node:assert/strict'
import { test } from 'node:test'
import { multipart } from './multipart.ts'

async function parsed(form: ReturnType<typeof multipart>): Promise<FormData> {
  return new Response(form.body, { headers: { 'content-type': form.contentType } }).formData()
}

test('a form is read back as it was, with the file last and its bytes counted', async () => {
  const bytes = Buffer.from('email\r\nänn@example.com\r\n--pigeon-\r\n'.repeat(10_000))
  const counted: number[] = []
  const file = { name: 'my "people"\r\n.csv', blob: new Blob([bytes]) }
  const form = await parsed(
    multipart({ mapping: '{"a":"b"}', on_existing: undefined }, file, (sent) => counted.push(sent)),
  )
  assert.deepEqual([...form.keys()], ['mapping', 'file'])
  assert.equal(form.get('mapping'), '{"a":"b"}')
  const got = form.get('file')
  assert.ok(got instanceof File)
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), bytes)
  assert.equal(got.name, 'my "people"\r\n.csv')
  assert.equal(counted.at(-1), bytes.length)
})
