import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import type { OutcomeEvent, SendJob } from '#events/email-events.ts'
import { openJournal } from './journal.ts'
import type { JobIdentity, JournaledDot } from './journal-entry.ts'
import { deleteSegments, replayJournal } from './replay-journal.ts'

const CLAIMED_AT = '2026-01-01T00:00:00.000Z'

async function directory(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-journal-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  return dir
}

function dot(messageId: string, shard = 1, claimedAt = CLAIMED_AT): JournaledDot {
  const job: SendJob & Pick<JobIdentity, 'source' | 'messageClass'> = {
    source: 'default',
    messageClass: 'bulk',
    messageId,
    tenantId: 't',
    campaignId: 'c',
    contactId: null,
    recipient: `${messageId}@x.example`,
    firstName: null,
    lastName: null,
    attributes: {},
    mode: 'sandbox',
    domain: 'x.example',
    provider: 'x.example',
    destination: 1,
    lastSource: null,
    attempt: 1,
    lastClass: null,
    lastReply: null,
    claimedAt,
    expiresAt: '2026-01-04T00:00:00.000Z',
  }
  return { messageId, attempt: 1, shard, epoch: 7, job }
}

function attempt(messageId: string) {
  return { messageId, attempt: 1, claimedAt: CLAIMED_AT }
}

function outcome(messageId: string, more: Partial<OutcomeEvent> = {}): OutcomeEvent {
  return {
    type: 'delivered',
    messageId,
    tenantId: 't',
    campaignId: 'c',
    contactId: null,
    attempt: 1,
    claimedAt: CLAIMED_AT,
    domain: 'x.example',
    provider: 'x.example',
    source: 'here',
    startedAt: '2026-01-01T00:00:00.000Z',
    at: '2026-01-01T00:00:01.000Z',
    code: 250,
    enhanced: null,
    class: null,
    reply: '250 Ok – fünf\nlines',
    retryAt: null,
    inDoubt: false,
    mxHost: 'mx.x.example',
    mxAddress: '192.0.2.1',
    isTls: true,
    transcript: null,
    ...more,
  }
}

test('after a restart the outcomes are known, and a dot without an outcome is in doubt', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir })
  await Promise.all([journal.dot(dot('a')), journal.dot(dot('b', 2)), journal.outcome(1, 7, outcome('a'))])
  await journal.close()
  const replay = await replayJournal(dir)
  assert.deepEqual(replay.outcomes, [{ shard: 1, epoch: 7, event: outcome('a') }])
  assert.deepEqual(replay.inDoubt, [dot('b', 2)])
  assert.equal(replay.damagedLines, 0)
  assert.deepEqual((await replayJournal(dir, new Set([2]))).outcomes, [])
  assert.equal((await replayJournal(dir, new Set([2]))).inDoubt.length, 1)
  await deleteSegments(replay)
  assert.deepEqual(await readdir(dir), [])
})

test('a message that was returned and claimed again is another attempt: its dot is in doubt', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir })
  const again = dot('a', 1, '2026-01-01T00:05:00.000Z')
  await journal.dot(dot('a'))
  await journal.outcome(1, 7, outcome('a', { type: 'returned' }))
  await journal.dot(again)
  journal.confirm([attempt('a')])
  await journal.close()
  assert.deepEqual((await replayJournal(dir)).inDoubt, [again])
})

test('a journal that never was is empty, and a new one begins after what is there', async (t) => {
  const dir = await directory(t)
  assert.deepEqual((await replayJournal(join(dir, 'nobody'))).segments, [])
  const first = await openJournal({ dir })
  await first.dot(dot('a'))
  await first.close()
  const second = await openJournal({ dir })
  await second.dot(dot('b'))
  await second.close()
  assert.deepEqual(await readdir(dir), ['0000000001.journal', '0000000002.journal'])
  assert.equal((await replayJournal(dir)).inDoubt.length, 2)
})

test('many who write at a time share one sync', async (t) => {
  const journal = await openJournal({ dir: await directory(t) })
  for (let round = 0; round < 20; round += 1) {
    await Promise.all(Array.from({ length: 30 }, (_, i) => journal.dot(dot(`${round}-${i}`))))
  }
  await journal.close()
  const { entries, syncs } = journal.stats()
  assert.equal(entries, 600)
  assert.ok(syncs <= 60, `${syncs} syncs`)
})

test('segments are deleted when everything in them is confirmed, the oldest first', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir, maxSegmentBytes: 1 })
  await journal.dot(dot('a'))
  await journal.outcome(1, 7, outcome('a'))
  await journal.dot(dot('b'))
  await journal.outcome(1, 7, outcome('b'))
  assert.equal((await readdir(dir)).length, 4)
  journal.confirm([attempt('b')])
  assert.equal((await readdir(dir)).length, 4, 'an older segment holds the younger ones')
  journal.confirm([attempt('a')])
  await waitFor('the segments to be deleted', async () => (await readdir(dir)).length === 0)
  await journal.dot(dot('c'))
  await journal.close()
  assert.deepEqual((await replayJournal(dir)).inDoubt, [dot('c')])
})

test('what is confirmed before it is on the disk holds no segment', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir, maxSegmentBytes: 1 })
  const writes = [journal.dot(dot('a')), journal.outcome(1, 7, outcome('a'))]
  journal.confirm([attempt('a')])
  await Promise.all(writes)
  await journal.close()
  await waitFor('the segments to be deleted', async () => (await readdir(dir)).length === 0)
})

test('a journal that ends anywhere gives what was whole, and never fails', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir })
  for (const id of ['a', 'b', 'c']) await journal.dot(dot(id))
  await journal.close()
  const [name = ''] = await readdir(dir)
  const whole = await readFile(join(dir, name))
  const lines = whole.toString().split('\n')
  const ends = [0, 1, 2].map((i) => lines.slice(0, i + 1).join('\n').length + 1)
  for (let length = ends[1] ?? 0; length <= whole.length; length += 1) {
    await writeFile(join(dir, name), whole.subarray(0, length))
    const replay = await replayJournal(dir)
    assert.equal(replay.inDoubt.length, ends.filter((end) => end <= length).length, `cut at ${length}`)
  }
})

test('a damaged line is counted and passed over', async (t) => {
  const dir = await directory(t)
  const journal = await openJournal({ dir })
  for (const id of ['a', 'b', 'c']) await journal.dot(dot(id))
  await journal.close()
  const [name = ''] = await readdir(dir)
  const text = await readFile(join(dir, name), 'utf8')
  await writeFile(join(dir, name), text.replace('"b"', '"x"'))
  const replay = await replayJournal(dir)
  assert.equal(replay.damagedLines, 1)
  assert.deepEqual(
    replay.inDoubt.map((each) => each.messageId),
    ['a', 'c'],
  )
})

test('when the disk does not take an entry the dot is refused, and work goes on when it does again', async (t) => {
  const dir = join(await directory(t), 'journal')
  const journal = await openJournal({ dir, maxSegmentBytes: 1 })
  await journal.dot(dot('a'))
  await rename(dir, `${dir}.gone`)
  await assert.rejects(journal.dot(dot('b')), /ENOENT/)
  assert.match(journal.failure()?.message ?? '', /ENOENT/)
  assert.equal(await journal.probe(), false)
  await mkdir(dir)
  assert.equal(await journal.probe(), true)
  assert.equal(journal.failure(), undefined)
  await journal.dot(dot('c'))
  await journal.close()
  await assert.rejects(journal.dot(dot('d')), /closed/)
  assert.deepEqual((await replayJournal(dir)).inDoubt, [dot('c')])
})

/** Writes without end, and says what is on the disk: `d ID` for a dot, `o ID` for an outcome. */
const WRITER = `
  import { openJournal } from ${JSON.stringify(import.meta.resolve('./journal.ts'))}
  const journal = await openJournal({ dir: process.argv[1], maxSegmentBytes: 20000 })
  const { event, job } = JSON.parse(process.argv[2])
  let n = 0
  async function work() {
    for (;;) {
      const messageId = String((n += 1))
      await journal.dot({ messageId, attempt: 1, shard: 1, epoch: 1, job: { ...job, messageId } })
      process.stdout.write('d ' + messageId + '\\n')
      await journal.outcome(1, 1, { ...event, messageId })
      process.stdout.write('o ' + messageId + '\\n')
    }
  }
  await Promise.all(Array.from({ length: 10 }, work))
`

test('kill -9 at any moment: every dot and outcome that was acknowledged is in the replay', async (t) => {
  for (const after of [1, 7, 60, 333, 1_000]) {
    const dir = await directory(t)
    const args = [
      '--input-type=module',
      '-e',
      WRITER,
      dir,
      JSON.stringify({ event: outcome('x'), job: dot('x').job }),
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const dots = new Set<string>()
    const outcomes = new Set<string>()
    const lines = createInterface({ input: child.stdout })
    for await (const line of lines) {
      const target = line.startsWith('d ') ? dots : outcomes
      target.add(line.slice(2))
      if (dots.size + outcomes.size === after) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    assert.equal(child.signalCode, 'SIGKILL')
    const replay = await replayJournal(dir)
    const known = new Set(replay.outcomes.map((each) => each.event.messageId))
    const doubtful = new Set(replay.inDoubt.map((each) => each.messageId))
    for (const id of outcomes) assert.ok(known.has(id), `outcome ${id} is lost`)
    for (const id of dots) assert.ok(known.has(id) || doubtful.has(id), `dot ${id} is lost`)
    assert.ok(doubtful.size <= 10, 'no more in doubt than writers')
    assert.ok(replay.damagedLines <= 1)
  }
})
