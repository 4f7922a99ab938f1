import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { needRoot } from '@pigeon/server/test/peers/debian.ts'
import { openFileObjects } from './file-objects.ts'

test('a full disk refuses the object, says what to do, and leaves nothing behind', async (t) => {
  needRoot()
  const dataDir = mkdtempSync(join(tmpdir(), 'pigeon-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dataDir])
  t.after(() => {
    execFileSync('umount', [dataDir])
    rmdirSync(dataDir)
  })
  const objects = await openFileObjects({ dataDir })
  await objects.put('t1/x/small', Buffer.alloc(1000))
  await assert.rejects(objects.put('t1/x/large', Buffer.alloc(4_000_000)), {
    kind: 'unavailable',
    code: 'objects.disk_full',
    message: /Free some space/,
  })
  assert.deepEqual(readdirSync(join(dataDir, 'objects/.drafts')), [])
  assert.equal(await objects.stat('t1/x/large'), undefined)
  assert.deepEqual(await objects.put('t1/x/next', Buffer.alloc(500_000)), { sizeBytes: 500_000 })
})
