import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { PigeonError, take } from '@pigeon/sdk'
import {
  act,
  campaignEnd,
  contactsCsv,
  createCampaign,
  createList,
  importEnd,
  listOf,
  uploadCsv,
  type Account,
  type Import,
} from './account.ts'
import { proveAccounted } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const LONG_LINE_BYTES = 100 * 1024 * 1024
const LONG_CHARS = 1_000
/** A sentence for a person: it ends as one, and shows nothing of the inside. */
const SENTENCE = /^\S[^\n]{20,}\.$/

test('bad input is refused in words, and what is good beside it goes on', async (t) => {
  const account = await sharedAccount()
  const { pigeon } = account
  const good = 'good@plain.example'

  await t.test('an empty CSV', () => refusesFile(account, ''))
  await t.test('a binary file', () => refusesFile(account, randomBytes(200_000)))
  await t.test('a CSV with a line of 100 MB', async () => {
    const line = Buffer.alloc(LONG_LINE_BYTES, 'x')
    const done = await importOf(
      account,
      Buffer.concat([Buffer.from('email\n'), line, Buffer.from(`\n${good}\n`)]),
    )
    assert.deepEqual([done.state, done.rows_rejected, done.rows_created], ['completed', 1, 1])
    await refusesFile(account, line)
  })
  await t.test('a CSV with its header twice', async () => {
    const done = await importOf(
      account,
      `email,first_name\na@plain.example,Ann\nemail,first_name\nb@plain.example,Bob\n`,
    )
    assert.deepEqual([done.state, done.rows_rejected, done.rows_created], ['completed', 1, 2])
  })
  await t.test('addresses with CR and LF or of 1,000 characters, in a CSV and over the API', async () => {
    const bad = [
      'eve@plain.example\r\nBcc: all@plain.example',
      'eve\n@plain.example',
      `${'x'.repeat(LONG_CHARS)}@plain.example`,
    ]
    const rows = bad.map((address) => `"${address}"`)
    const done = await importOf(account, ['email', ...rows, 'carol@plain.example'].join('\r\n'))
    assert.deepEqual([done.state, done.rows_rejected, done.rows_created], ['completed', bad.length, 1])
    const path = { id: await createList(account, 'API') }
    for (const email of bad) {
      const add = pigeon.POST('/v1/lists/{id}/contacts', {
        params: { path },
        body: { contacts: [{ email }] },
      })
      await refuses(take(add), 422)
    }
  })
  await t.test('a campaign to an empty list, and one from a domain that is not verified', async () => {
    const empty = await createCampaign(account, { listId: await createList(account, 'Empty') })
    await refuses(act(account, empty, 'send'), 422, 'campaigns.empty_list')
    const listId = await listOf(account, 'One', contactsCsv(1))
    await take(pigeon.POST('/v1/domains', { body: { name: 'pending.example' } }))
    for (const domain of ['pending.example', 'unknown.example']) {
      const stranger = await createCampaign({ ...account, from: `news@${domain}` }, { listId })
      await refuses(act(account, stranger, 'send'), 422)
    }
  })
  await t.test('a template with an endless loop fails its own campaign only', async () => {
    const listId = await listOf(account, 'Loop', contactsCsv(100, ['plain.example']))
    const html = '{% for i in (1..100000) %}{% for j in (1..100000) %}{{ i }}{% endfor %}{% endfor %}'
    const looping = await createCampaign(account, { listId, html, text: 'Text', name: 'Loop' })
    const other = await createCampaign(account, { listId, name: 'Other' })
    await act(account, looping, 'send')
    await act(account, other, 'send')
    assert.equal((await campaignEnd(account, other)).states.delivered, 100)
    assert.equal((await campaignEnd(account, looping)).states.failed, 100)
    await proveAccounted(account, looping, 100)
    await proveAccounted(account, other, 100)
  })
  await t.test('nothing of it ended a process', async () => {
    assert.doesNotMatch(await account.platform.logs(), /A role ended/)
  })
})

async function importOf(account: Account, content: string | Uint8Array<ArrayBuffer>): Promise<Import> {
  const listId = await createList(account, 'Import')
  return importEnd(account, (await uploadCsv(account, listId, new Blob([content]))).id)
}

async function refusesFile(account: Account, content: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const done = await importOf(account, content)
  assert.deepEqual([done.state, done.rows_created], ['failed', 0])
  assert.match(done.error ?? '', SENTENCE)
}

async function refuses(call: Promise<unknown>, status: number, code?: string): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof PigeonError)
    assert.equal(error.status, status, error.message)
    if (code !== undefined) assert.equal(error.code, code)
    assert.match(error.message, SENTENCE)
    return true
  })
}
