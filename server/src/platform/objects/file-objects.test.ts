import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openFileObjects } from './file-objects.ts'
import { objectsConformance } from './objects.conformance.ts'

const root = mkdtempSync(join(tmpdir(), 'pigeon-objects-'))
after(() => rmSync(root, { recursive: true }))

function freshDirectory(): string {
  return mkdtempSync(join(root, 'case-'))
}

objectsConformance('files', () => openFileObjects({ dataDir: freshDirectory() }))

test('an object outlives the process, only its owner may read it, and no draft is left', async () => {
  const dataDir = freshDirectory()
  await (await openFileObjects({ dataDir })).put('t1/x/y', Buffer.from('abc'))
  const again = await openFileObjects({ dataDir })
  assert.deepEqual(await again.stat('t1/x/y'), { sizeBytes: 3 })
  assert.equal(statSync(join(dataDir, 'objects/t1/x/y')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(join(dataDir, 'objects/.drafts')), [])
})

test('a refused or broken put leaves no draft', async () => {
  const dataDir = freshDirectory()
  const objects = await openFileObjects({ dataDir })
  await assert.rejects(objects.put('t1/x/y', Buffer.alloc(10), { maxBytes: 9 }))
  assert.deepEqual(readdirSync(join(dataDir, 'objects')), ['.drafts'])
  assert.deepEqual(readdirSync(join(dataDir, 'objects/.drafts')), [])
})

test('a start removes drafts of a process that died long ago, and no younger ones', async () => {
  const dataDir = freshDirectory()
  await openFileObjects({ dataDir })
  const drafts = join(dataDir, 'objects/.drafts')
  writeFileSync(join(drafts, 'old'), 'x')
  writeFileSync(join(drafts, 'young'), 'x')
  utimesSync(join(drafts, 'old'), 1, 1)
  await openFileObjects({ dataDir })
  assert.deepEqual(readdirSync(drafts), ['young'])
})
