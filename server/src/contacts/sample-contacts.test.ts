import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { systemClock } from '#platform/clock.ts'
import { examineFile } from './examine-file.ts'
import { readChunks } from './read-chunks.ts'
import { sampleContactsCsv } from './sample-contacts.ts'

test('the sample holds exactly as many good rows as asked for, and some bad ones', async () => {
  const csv = Buffer.from([...sampleContactsCsv({ count: 3_000, seed: 7, badRows: 0.02 })].join(''))
  const open = async () => Readable.from([csv], { objectMode: false })
  const examined = await examineFile(open, {})
  assert.ok(examined.ok)
  const clock = systemClock
  const options = {
    clock,
    ...examined,
    onExisting: 'upsert',
    byteOffset: 0,
    line: 0,
    maxRows: 100_000,
    maxBytes: 1e9,
  } as const
  const chunks = []
  for await (const chunk of readChunks(await open(), options)) chunks.push(chunk)
  const [value] = chunks
  assert.ok(value !== undefined)
  assert.equal(value.contacts.count, 3_000)
  assert.equal(value.rowsDuplicate, 0)
  assert.ok(value.rejects.length > 30, `${value.rejects.length} rejects`)
  assert.equal(value.rowsRead, 3_000 + value.rejects.length)
  assert.deepEqual([...new Set(value.rejects.map(({ code }) => code))].toSorted(), [
    'bad_local',
    'control_character',
    'empty',
    'local_too_long',
    'no_at',
    'single_label',
    'space',
    'text_after_quote',
    'too_many_cells',
  ])
  for (const word of ['unknown.', 'full.', 'greylist.', 'slow.'])
    assert.ok(value.contacts.keys.includes(`"${word}`), word)
})

test('the same seed makes the same sample', () => {
  const make = (seed: number) => [...sampleContactsCsv({ count: 50, seed })].join('')
  assert.equal(make(1), make(1))
  assert.notEqual(make(1), make(2))
})
