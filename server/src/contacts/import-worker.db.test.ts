import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { systemClock } from '#platform/clock.ts'
import { createLog } from '#platform/log.ts'
import { countRows } from '@pigeon/server/test/database.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { room } from './import-test-room.ts'
import { runImports } from './imports.jobs.ts'
import { sampleContactsCsv } from './sample-contacts.ts'

for (const seed of [1, 2, 3]) {
  test(`an import whose worker is killed again and again loses nothing and doubles nothing (${seed})`, async (t) => {
    const { begin, database, dataDir, find } = await room(t)
    const csv = [...sampleContactsCsv({ count: 3_000, seed, badRows: 0.03 })].join('')
    // The whole file twice: the second half are duplicates of the first, across all chunks.
    const { id } = await begin(csv + csv, { onExisting: seed === 2 ? 'skip' : 'upsert' })
    const worker = () =>
      spawn(
        process.execPath,
        ['src/contacts/run-imports-process.ts', JSON.stringify(database.connections.api), dataDir, '97'],
        {
          cwd: new URL('../../', import.meta.url),
          stdio: ['ignore', 'inherit', 'inherit'],
        },
      )
    let kills = 0
    for (const share of [0.02, 0.3, 0.55, 0.8]) {
      const child = worker()
      const from = (await find(id))?.rows_read ?? 0
      await waitFor(
        'some progress',
        async () => {
          const found = await find(id)
          return found !== undefined && found.rows_read > from && found.rows_read >= share * 6_000
            ? found
            : undefined
        },
        30_000,
      )
      // Somewhere within a chunk: each seed and share at another moment.
      for (let turns = 0; turns < (seed * 7 + kills * 3) % 11; turns += 1) await find(id)
      child.kill('SIGKILL')
      await once(child, 'exit')
      kills += 1
    }
    const last = worker()
    const done = await waitFor(
      'the import to end',
      async () => {
        const found = await find(id)
        return found?.state === 'completed' ? found : undefined
      },
      30_000,
    )
    last.kill('SIGTERM')
    await once(last, 'exit')
    assert.equal(done.rows_created, 3_000)
    assert.equal(done.rows_updated + done.rows_skipped, 0)
    assert.equal(done.rows_duplicate, 3_000)
    assert.equal(done.rows_read, done.rows_created + done.rows_duplicate + done.rows_rejected)
    assert.equal(await countRows(database.admin, 'contacts'), 3_000)
    assert.equal(await countRows(database.admin, 'subscriptions'), 3_000)
    assert.equal(await countRows(database.admin, 'import_rejects'), done.rows_rejected)
    assert.ok(done.rows_rejected > 100)
  })
}

test('when two workers have one import, only one of them moves it', async (t) => {
  const { begin, deps, find } = await room(t)
  const csv = [...sampleContactsCsv({ count: 2_000, seed: 9, badRows: 0 })].join('')
  const { id } = await begin(csv)
  const stop = new AbortController()
  // Leases that end at once: the second takes over from the first, over and over.
  const early = {
    ...systemClock,
    now: () => new Date(Date.now() + 3_600_000 * Math.floor(performance.now() % 100)),
  }
  const log = createLog({ level: 'silent', role: 'test' })
  const workers = ['a', 'b', 'c'].map((workerName) =>
    runImports({ ...deps, clock: early, log, signal: stop.signal, workerName, chunkRows: 50 }),
  )
  const done = await waitFor(
    'the import to end',
    async () => {
      const found = await find(id)
      return found?.state === 'completed' ? found : undefined
    },
    30_000,
  )
  stop.abort()
  await Promise.all(workers)
  assert.deepEqual([done.rows_read, done.rows_created, done.rows_duplicate], [2_000, 2_000, 0])
})
