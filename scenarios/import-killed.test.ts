import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { ask, createList, importEnd, openAccount, uploadCsv, type Account, type Import } from './account.ts'

const ROWS = 200_000
/** Every so many rows, one that cannot be imported, and one that stood in the file before. */
const BAD_EVERY = 1_000
const DOUBLE_EVERY = 500
/** Chunks are of 20,000 rows: both kills are between the first and the last. */
const KILLS_AT = [0.15, 0.55]

test('an import whose process is killed twice ends with exact counts, no doubles and an exact reject file', async (t) => {
  const account = await openAccount(await runPlatform(t))
  const listId = await createList(account, 'Large')
  const started = await uploadCsv(account, listId, new Blob([csv()]))
  for (const share of KILLS_AT) {
    const { progress } = await untilProgress(account, started.id, share)
    await account.platform.kill('api')
    t.diagnostic(`killed at ${Math.round(progress * 100)} %`)
  }
  const done = await importEnd(account, started.id)

  const [bad, doubles] = [ROWS / BAD_EVERY, ROWS / DOUBLE_EVERY]
  assert.equal(done.state, 'completed', done.error ?? '')
  const { rows_read, rows_created, rows_updated, rows_skipped, rows_duplicate, rows_rejected } = done
  assert.deepEqual(
    { rows_read, rows_created, rows_updated, rows_skipped, rows_duplicate, rows_rejected },
    {
      rows_read: ROWS,
      rows_created: ROWS - bad - doubles,
      rows_updated: 0,
      rows_skipped: 0,
      rows_duplicate: doubles,
      rows_rejected: bad,
    },
  )
  const list = await take(account.pigeon.GET('/v1/lists/{id}', { params: { path: { id: listId } } }))
  assert.equal(list.subscribed, ROWS - bad - doubles)
  assert.deepEqual(await rejectsOf(account, started.id), expectedRejects())
})

async function untilProgress(account: Account, id: string, share: number): Promise<Import> {
  return ask(`the import to be at ${share}`, async () => {
    const found = await take(account.pigeon.GET('/v1/imports/{id}', { params: { path: { id } } }))
    assert.notEqual(found.state, 'failed', found.error ?? '')
    return found.progress >= share ? found : undefined
  })
}

const isBad = (row: number): boolean => row % BAD_EVERY === BAD_EVERY - 1
const isDouble = (row: number): boolean => row % DOUBLE_EVERY === DOUBLE_EVERY - 2

function csv(): string {
  return `email,first_name,city\n${Array.from({ length: ROWS }, (_, row) => rowOf(row)).join('\n')}\n`
}

function rowOf(row: number): string {
  if (isBad(row)) return `not an address ${row},Ann,"Porto, ""old"" town"`
  // The address of another chunk: what was imported before a kill is known after it.
  const of = isDouble(row) ? Math.floor(row / 2 / BAD_EVERY) * BAD_EVERY : row
  return `person${of}@gmail.com,Ann ${row},Porto`
}

/** Line 1 is the header. */
function expectedRejects(): string[][] {
  return Array.from({ length: ROWS }, (_, row) => row)
    .filter(isBad)
    .map((row) => [String(row + 2), rowOf(row)])
}

/** Line number and row of each reject. */
async function rejectsOf(account: Account, id: string): Promise<string[][]> {
  const file = await take(
    account.pigeon.GET('/v1/imports/{id}/rejects', { params: { path: { id } }, parseAs: 'text' }),
  )
  const [header, ...lines] = file.split('\r\n')
  assert.equal(header, 'line,code,reason,row')
  assert.equal(lines.pop(), '')
  return lines.map((line) => {
    const [, number = '', quoted = ''] = /^(\d+),[a-z_]+,"(?:[^"]|"")*","((?:[^"]|"")*)"$/.exec(line) ?? []
    return [number, quoted.replaceAll('""', '"')]
  })
}
