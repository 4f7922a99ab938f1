import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openFileKeys } from './file-keys.ts'
import { keysConformance } from './keys.conformance.ts'

const root = mkdtempSync(join(tmpdir(), 'pigeon-keys-'))
after(() => rmSync(root, { recursive: true }))

keysConformance(
  'key file',
  () => openFileKeys({ dataDir: join(root, 'one') }),
  () => openFileKeys({ dataDir: join(root, 'two') }),
)
const [given, other] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
keysConformance(
  'given key',
  () => openFileKeys({ dataDir: root, masterKey: given }),
  () => openFileKeys({ dataDir: root, masterKey: other }),
)

function freshDirectory(): string {
  return mkdtempSync(join(root, 'case-'))
}

test('the key file is made for its owner alone, and nothing else is left behind', async () => {
  const dataDir = freshDirectory()
  await openFileKeys({ dataDir })
  assert.deepEqual(readdirSync(dataDir), ['keys.json'])
  assert.equal(statSync(join(dataDir, 'keys.json')).mode & 0o777, 0o600)
})

test('processes that start together agree on one key', async () => {
  const dataDir = freshDirectory()
  const all = await Promise.all(Array.from({ length: 20 }, () => openFileKeys({ dataDir })))
  assert.equal(new Set(all.map((keys) => keys.derive('x').toString('hex'))).size, 1)
  assert.deepEqual(readdirSync(dataDir), ['keys.json'])
})

test('a given key writes no file', async () => {
  const dataDir = freshDirectory()
  await openFileKeys({ dataDir, masterKey: given })
  assert.deepEqual(readdirSync(dataDir), [])
})

test('a key file that others may read is refused, with what to do', async () => {
  const dataDir = freshDirectory()
  await openFileKeys({ dataDir })
  chmodSync(join(dataDir, 'keys.json'), 0o644)
  await assert.rejects(openFileKeys({ dataDir }), { code: 'keys.exposed', message: /chmod 600/ })
})

test('a damaged key file is refused and left as it is', async () => {
  for (const content of [
    '',
    '{',
    '{"version":1,"keys":[]}',
    '{"version":2,"keys":[]}',
    '{"version":1,"keys":[{"id":"00","secret":"AA=="}]}',
  ]) {
    const dataDir = freshDirectory()
    writeFileSync(join(dataDir, 'keys.json'), content, { mode: 0o600 })
    await assert.rejects(openFileKeys({ dataDir }), { code: 'keys.damaged' }, content)
    assert.equal(readFileSync(join(dataDir, 'keys.json'), 'utf8'), content)
  }
})

test('after a second key is added, old envelopes are still read and derived secrets stay', async () => {
  const [dataDir, newer] = [freshDirectory(), freshDirectory()]
  const before = await openFileKeys({ dataDir })
  const envelope = await before.encrypt(Buffer.from('old'), 'x')
  await openFileKeys({ dataDir: newer })
  const keyOf = (directory: string): unknown =>
    JSON.parse(readFileSync(join(directory, 'keys.json'), 'utf8')).keys[0]
  writeFileSync(
    join(dataDir, 'keys.json'),
    JSON.stringify({ version: 1, keys: [keyOf(dataDir), keyOf(newer)] }),
  )
  const rotated = await openFileKeys({ dataDir })
  assert.equal(String(await rotated.decrypt(envelope, 'x')), 'old')
  assert.deepEqual(rotated.derive('x'), before.derive('x'))
  await assert.rejects(before.decrypt(await rotated.encrypt(Buffer.from('new'), 'x'), 'x'), {
    code: 'keys.unknown_key',
  })
})

test('a given key that is not 32 bytes of base64 is refused', async () => {
  for (const masterKey of [
    '',
    'short',
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    `${'*'.repeat(43)}=`,
  ]) {
    await assert.rejects(openFileKeys({ dataDir: root, masterKey }), { code: 'keys.wrong_length' }, masterKey)
  }
})
