import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openMailStore } from './mail-store.ts'
import type { MailStore, MailStoreLimits } from './mail-store.ts'
import type { ReceivedMessage } from './smtp-state.ts'

const deps = {
  clock: { now: () => new Date('2026-11-22T10:00:00Z') },
  log: { warn: () => undefined, error: () => undefined },
}

async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mail-store-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

function messageNumber(
  number: number,
  options: { campaign?: string; bytes?: number; keepRaw?: boolean } = {},
): ReceivedMessage {
  const { campaign = 'c1', bytes = 10, keepRaw = true } = options
  const header = `Message-ID: <${number}@x.example>\r\nFeedback-ID: ${campaign}:t${number % 2}:news:pigeon\r\nSubject: number ${number}\r\n\r\n`
  return {
    provider: number % 2 === 0 ? 'google' : 'yahoo',
    mailFrom: `b-${number}@x.example`,
    rcptTo: [`person${number}@y.example`],
    tls: false,
    ip: '127.0.0.1',
    content: Buffer.from(`${header}${'x'.repeat(bytes)}\r\n`),
    keepRaw,
  }
}

function put(store: MailStore, message: ReceivedMessage): Promise<number> {
  return new Promise((resolve, reject) => {
    store.append(message, (error, sequence) => (error === undefined ? resolve(sequence) : reject(error)))
  })
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('what is stored is counted, listed newest first and read back byte for byte', async (t) => {
  const store = await openMailStore(deps, await temporaryDirectory(t))
  t.after(() => store.close())
  const sequences = await Promise.all(numbers(1, 300).map((number) => put(store, messageNumber(number))))
  assert.deepEqual(sequences, numbers(1, 300))
  assert.deepEqual(store.stats(), {
    received: 300,
    distinct: 300,
    duplicates: 0,
    by_provider: {
      google: { received: 150, distinct: 150, duplicates: 0 },
      yahoo: { received: 150, distinct: 150, duplicates: 0 },
    },
  })
  assert.deepEqual(
    store.list({ limit: 3 }).map(({ sequence }) => sequence),
    [300, 299, 298],
  )
  assert.deepEqual(
    store.list({ limit: 2, before: 299 }).map(({ sequence }) => sequence),
    [298, 297],
  )
  assert.deepEqual(
    store.list({ limit: 2, tenant: 't1' }).map(({ sequence }) => sequence),
    [299, 297],
  )
  assert.deepEqual(
    store.list({ limit: 9, recipient: 'PERSON7@y.example' }).map(({ sequence }) => sequence),
    [7],
  )
  assert.deepEqual(store.list({ limit: 9, campaign: 'none' }), [])
  for (const number of [1, 150, 300]) {
    const entry = store.entry(number)
    assert.ok(entry)
    assert.deepEqual(await store.raw(entry), messageNumber(number).content)
  }
  assert.equal(store.entry(0), undefined)
  assert.equal(store.entry(301), undefined)
})

test('the same Message-ID to the same recipient is a duplicate, to another it is not', async (t) => {
  const store = await openMailStore(deps, await temporaryDirectory(t))
  t.after(() => store.close())
  const first = messageNumber(1)
  await put(store, first)
  await put(store, { ...first, rcptTo: ['other@y.example'] })
  await put(store, { ...first, rcptTo: ['Person1@Y.example', 'third@y.example'] })
  await put(store, first)
  const { received, distinct, duplicates } = store.stats('c1')
  assert.deepEqual({ received, distinct, duplicates }, { received: 5, distinct: 3, duplicates: 2 })
  assert.deepEqual(store.duplicates(10), [
    { message_id: '<1@x.example>', recipient: 'person1@y.example', count: 3, last_sequence: 4 },
  ])
  await put(store, { ...first, content: Buffer.from('\r\nno header at all\r\n') })
  await put(store, { ...first, content: Buffer.from('\r\nno header at all\r\n') })
  assert.equal(store.stats().duplicates, 2, 'without a Message-ID nothing can be told')
})

test('counters, index and bytes are there again after a restart, also when the last line is torn', async (t) => {
  const directory = await temporaryDirectory(t)
  const before = await openMailStore(deps, directory)
  await Promise.all(
    numbers(1, 50).map((number) => put(before, messageNumber(number, { campaign: `c${number % 3}` }))),
  )
  const stats = [before.stats(), before.stats('c1')]
  await before.close()

  const again = await openMailStore(deps, directory)
  assert.deepEqual([again.stats(), again.stats('c1')], stats)
  const entry = again.entry(50)
  assert.ok(entry)
  assert.deepEqual(await again.raw(entry), messageNumber(50, { campaign: 'c2' }).content)
  assert.equal(await put(again, messageNumber(1, { campaign: 'c1' })), 51)
  assert.equal(again.stats().duplicates, 1, 'it remembers what it saw before the restart')
  await again.close()

  const [firstIndex = ''] = (await readdir(directory)).filter((name) => name.endsWith('.jsonl'))
  await appendFile(join(directory, firstIndex), '{"sequence":99,"received_at":"20')
  const torn = await openMailStore(deps, directory)
  assert.equal(torn.stats().received, 51)
  await torn.close()
})

test('what was acknowledged is there when the process never got to close the store', async (t) => {
  const directory = await temporaryDirectory(t)
  const killed = await openMailStore(deps, directory)
  t.after(() => killed.close())
  await Promise.all(numbers(1, 20).map((number) => put(killed, messageNumber(number))))
  const again = await openMailStore(deps, directory)
  assert.deepEqual(again.stats(), killed.stats())
  const entry = again.entry(20)
  assert.ok(entry)
  assert.deepEqual(await again.raw(entry), messageNumber(20).content)
  await again.close()
})

test('a message whose bytes were lost is listed without them', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = await openMailStore(deps, directory)
  await put(store, messageNumber(1))
  await store.close()
  const [bytes = ''] = (await readdir(directory)).filter((name) => name.endsWith('.eml'))
  await truncate(join(directory, bytes), 5)
  const again = await openMailStore(deps, directory)
  const entry = again.entry(1)
  assert.ok(entry)
  assert.equal(await again.raw(entry), undefined)
  await again.close()
})

for (const [cap, limits] of Object.entries({
  messages: { messages: 80, bytes: 1_000_000 },
  bytes: { messages: 1_000_000, bytes: 80 * 1085 },
}) satisfies [string, MailStoreLimits][]) {
  test(`beyond the cap of ${cap} the oldest bytes go and the counters stay, also after a restart`, async (t) => {
    const directory = await temporaryDirectory(t)
    const store = await openMailStore(deps, directory, limits)
    for (const number of numbers(1, 400)) await put(store, messageNumber(number, { bytes: 1000 }))
    const listed = store.list({ limit: 1000 })
    assert.ok(listed.length >= 60 && listed.length <= 80, `${listed.length} kept`)
    assert.equal(listed[0]?.sequence, 400)
    assert.equal(store.entry(1), undefined)
    const kept = (await readdir(directory)).filter((name) => name.endsWith('.eml')).length
    assert.ok(kept <= 9, `${kept} files`)
    assert.equal(store.stats().received, 400)
    await store.close()

    const again = await openMailStore(deps, directory, limits)
    assert.equal(again.stats().received, 400)
    assert.deepEqual(again.list({ limit: 1000 }).map(({ sequence }) => sequence)[0], 400)
    assert.ok(again.list({ limit: 1000 }).length <= 80)
    assert.equal(await put(again, messageNumber(3)), 401)
    assert.equal(again.stats().duplicates, 1, 'a duplicate of a message long gone is still one')
    await again.close()
  })
}

test('bytes that nobody wants are counted and not kept', async (t) => {
  const store = await openMailStore(deps, await temporaryDirectory(t))
  t.after(() => store.close())
  await put(store, messageNumber(1, { keepRaw: false }))
  const entry = store.entry(1)
  assert.ok(entry)
  assert.equal(await store.raw(entry), undefined)
  assert.equal(store.stats().received, 1)
  await put(store, messageNumber(2))
  const second = store.entry(2)
  assert.ok(second)
  assert.deepEqual(await store.raw(second), messageNumber(2).content)
})

test('a reset forgets all and goes on counting sequence numbers', async (t) => {
  const directory = await temporaryDirectory(t)
  const store = await openMailStore(deps, directory)
  await Promise.all(numbers(1, 10).map((number) => put(store, messageNumber(number))))
  await store.reset()
  assert.deepEqual(store.stats(), { received: 0, distinct: 0, duplicates: 0, by_provider: {} })
  assert.deepEqual(store.list({ limit: 10 }), [])
  assert.equal(await put(store, messageNumber(1)), 11)
  assert.equal(store.stats().duplicates, 0)
  await store.close()
  const again = await openMailStore(deps, directory)
  assert.equal(again.stats().received, 1)
  await again.close()
})

test('a store that is closed takes nothing more', async (t) => {
  const store = await openMailStore(deps, await temporaryDirectory(t))
  const last = put(store, messageNumber(1))
  await store.close()
  assert.equal(await last, 1, 'what was handed over before is written')
  await assert.rejects(put(store, messageNumber(2)), /closed/)
})
