import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '#run.ts'

const SETTINGS = { url: undefined, apiKey: undefined, password: undefined, configDir: '/nonexistent' }

async function parse(files: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: keyof typeof texts) => ({
    write: (content: string | Uint8Array) => (texts[name] += Buffer.from(content).toString()),
  })
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') }
  return { code: await run(['bounces', 'parse', ...files], SETTINGS, streams), ...texts }
}

test('each file gives one JSON object on a line of its own, and no server is asked', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'pigeon-cli-'))
  t.after(() => rm(folder, { recursive: true }))
  const [bounce, letter] = [join(folder, 'a.eml'), join(folder, 'b.eml')]
  await writeFile(
    bounce,
    'From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<a@y.example>:\nRemote host said: 550 5.1.1 User unknown\n',
  )
  await writeFile(letter, 'From: a@y.example\nSubject: Hello\n\nHow are you?\n')
  const { code, stdout } = await parse([bounce, letter])
  assert.equal(code, 0)
  const [first, second, end] = stdout.split('\n')
  const { file, is_bounce, is_complaint, recipients } = JSON.parse(first ?? '')
  const { recipient, status, reply_code, class: found, hard } = recipients[0]
  assert.deepEqual(
    [file, is_bounce, is_complaint, recipient, status, reply_code, found, hard],
    [bounce, true, false, 'a@y.example', '5.1.1', 550, 'unknown_user', true],
  )
  assert.deepEqual(
    [JSON.parse(second ?? '').is_bounce, JSON.parse(second ?? '').recipients, end],
    [false, [], ''],
  )
})

test('a file that cannot be read, or none at all, is wrong usage', async () => {
  const missing = await parse(['/nonexistent/a.eml'])
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /cannot be read/)
  const none = await parse([])
  assert.equal(none.code, 2)
  assert.match(none.stderr, /FILE\.\.\. is missing/)
})
