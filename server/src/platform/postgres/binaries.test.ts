import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { copyBinaries, findBinaries } from './binaries.ts'

const run = promisify(execFile)

test('a copy of the binaries runs, and every user may read it whatever the umask', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'pigeon-binaries-'))
  const umask = process.umask(0o077)
  t.after(async () => {
    process.umask(umask)
    await rm(directory, { recursive: true, force: true })
  })
  const binaries = await findBinaries()
  const copy = await copyBinaries(binaries, join(directory, 'system', 'copy'))
  for (const file of ['bin/postgres', 'share/postgresql/postgres.bki', 'lib/libpq.so.5']) {
    assert.equal((await stat(join(copy.native, file))).mode & 0o044, 0o044, file)
  }
  const { stdout } = await run(join(copy.native, 'bin', 'postgres'), ['--version'])
  assert.match(stdout, new RegExp(`PostgreSQL\\) ${binaries.major}\\.`))
  assert.deepEqual(await copyBinaries(binaries, join(directory, 'system', 'copy')), copy)
})
