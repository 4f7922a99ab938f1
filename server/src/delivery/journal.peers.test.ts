import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { needRoot } from '@pigeon/server/test/peers/debian.ts'
import { openJournal } from './journal.ts'
import type { JournaledDot } from './journal-entry.ts'
import { replayJournal } from './replay-journal.ts'

function dot(n: number): JournaledDot {
  const at = '2026-01-01T00:00:00.000Z'
  const job = {
    tenantId: 't',
    campaignId: 'c',
    contactId: null,
    mode: 'live',
    claimedAt: at,
    domain: 'x.example',
    provider: 'x.example',
    expiresAt: at,
    source: 'default',
    messageClass: 'bulk',
  } as const
  return { messageId: String(n), attempt: 1, shard: 1, epoch: 1, job }
}

test('on a full disk no dot is acknowledged that is not there, and work goes on when there is room', async (t) => {
  needRoot()
  const mount = await mkdtemp(join(tmpdir(), 'pigeon-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount])
  t.after(async () => {
    execFileSync('umount', [mount])
    await rm(mount, { recursive: true })
  })
  const ballast = join(mount, 'ballast')
  await writeFile(ballast, Buffer.alloc(1_900_000))
  const dir = join(mount, 'journal')
  const journal = await openJournal({ dir })
  const acknowledged: number[] = []
  let refusal: unknown
  for (let n = 0; refusal === undefined && n < 10_000; n += 1) {
    try {
      await journal.dot(dot(n))
      acknowledged.push(n)
    } catch (error) {
      refusal = error
    }
  }
  assert.match(String(refusal), /ENOSPC/)
  assert.match(String(journal.failure()), /ENOSPC/)
  assert.equal(await journal.probe(), false)
  await rm(ballast)
  assert.equal(await journal.probe(), true)
  await journal.dot(dot(99_999))
  await journal.close()
  const known = new Set((await replayJournal(dir)).inDoubt.map((each) => each.messageId))
  for (const n of [...acknowledged, 99_999]) assert.ok(known.has(String(n)), `dot ${n} is lost`)
})
