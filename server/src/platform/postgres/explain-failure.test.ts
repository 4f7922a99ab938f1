import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainFailure } from './explain-failure.ts'

const place = { dataDir: '/data', clusterDir: '/data/postgres' }

test('what PostgreSQL and the system say becomes a code and a sentence', () => {
  const cases = [
    ['FATAL:  could not write to file "pg_wal/xlogtemp.77": No space left on device', 'postgres.disk_full'],
    ['ENOSPC ', 'postgres.disk_full'],
    ['FATAL:  pre-existing shared memory block (key 1, ID 2) is still in use', 'postgres.still_in_use'],
    ['FATAL:  lock file "postmaster.pid" already exists', 'postgres.in_use'],
    ['FATAL:  could not map anonymous shared memory: Cannot allocate memory', 'postgres.memory'],
    ['EROFS', 'postgres.read_only'],
    ['FATAL:  could not open directory "base": Permission denied', 'postgres.permission'],
    ['EACCES', 'postgres.permission'],
    ['ENOENT', 'postgres.binaries_missing'],
  ]
  for (const [text = '', code] of cases) assert.equal(explainFailure(text, place, null).code, code)
})

test('what is not known is quoted, its end at most', () => {
  const problem = explainFailure(`${'x'.repeat(5_000)} the end`, place, null)
  assert.equal(problem.code, 'postgres.start_failed')
  assert.match(problem.message, /the end$/)
  assert.ok(problem.message.length < 1_000)
})
