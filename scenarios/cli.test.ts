import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runPlatform } from '@pigeon/server/test/platform.ts'

const CLI = fileURLToPath(new URL('../cli/src/pigeon.ts', import.meta.url))
const WITHIN_MS = 120_000

test('the command line goes all the way from the first owner to the report', async (t) => {
  const platform = await runPlatform(t)
  const home = await mkdtemp(join(tmpdir(), 'pigeon-cli-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const env = {
    ...platform.env,
    XDG_CONFIG_HOME: home,
    PIGEON_URL: platform.url,
    PIGEON_PASSWORD: 'correct horse battery',
  }

  const run = async (expected: number, ...args: string[]) => {
    const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const texts = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()))
    const timer = setTimeout(() => child.kill('SIGKILL'), WITHIN_MS)
    const [code]: unknown[] = await once(child, 'close')
    clearTimeout(timer)
    assert.equal(code, expected, `pigeon ${args.join(' ')}: ${texts.stdout}${texts.stderr}`)
    return texts
  }
  const json = async (...args: string[]) => JSON.parse((await run(0, ...args, '--json')).stdout)

  await run(4, 'lists', 'list')
  await run(1, 'login', '--email', 'owner@example.com')
  await run(0, 'login', '--email', 'owner@example.com', '--create-owner')
  assert.equal((await json('domains', 'add', 'shop.example')).status, 'pending')
  assert.equal((await json('domains', 'verify', 'shop.example')).status, 'verified')
  await run(0, 'lists', 'create', 'Letter')

  const [csv, rejects, html] = ['people.csv', 'rejects.csv', 'letter.html'].map((name) => join(home, name))
  assert.ok(csv !== undefined && rejects !== undefined && html !== undefined)
  await writeFile(
    csv,
    'email,first_name,Ort\nann@gmail.com,Ann,Köln\nno-at,Bo,Rom\nunknown.cy@plain.example,Cy,Oslo\n',
  )
  const mapping = JSON.stringify({ Ort: 'attributes.city' })
  const done = await json(
    'contacts',
    'import',
    csv,
    '--list',
    'Letter',
    '--mapping',
    mapping,
    '--rejects',
    rejects,
  )
  assert.deepEqual([done.rows_created, done.rows_rejected], [2, 1])
  assert.match(await readFile(rejects, 'utf8'), /^3,/m)
  await run(2, 'contacts', 'import', join(home, 'missing.csv'), '--list', 'Letter')

  await writeFile(html, '<p>Hello {{ first_name }} in {{ city }}</p>')
  await run(0, 'templates', 'create', '--name', 'Letter', '--subject', 'For {{ first_name }}', '--html', html)
  const undefinedVariable = await run(1, 'templates', 'preview', 'Letter')
  assert.match(undefinedVariable.stderr, /first_name/)

  const campaign = ['--name', 'One', '--list', 'Letter', '--template', 'Letter']
  const stranger = await json('campaigns', 'create', ...campaign, '--from', 'news@shop.example')
  await run(
    0,
    'campaigns',
    'schedule',
    stranger.id,
    '--at',
    '2039-12-01T09:00',
    '--time-zone',
    'Europe/Lisbon',
  )
  await run(0, 'campaigns', 'cancel', stranger.id)
  await run(1, 'campaigns', 'watch', stranger.id)

  await run(0, 'campaigns', 'create', ...campaign, '--from', 'news@shop.example')
  await run(0, 'campaigns', 'send', 'latest')
  const watched = await json('campaigns', 'watch', 'latest')
  assert.deepEqual([watched.states.delivered, watched.states.bounced, watched.balanced], [1, 1, true])
  const report = await run(0, 'campaigns', 'report', 'latest')
  assert.match(report.stdout, /1 {2}bounced unknown_user +550 5\.1\.1/)

  const [received] = await json('sandbox', 'list', '--campaign', 'latest')
  assert.match((await run(0, 'sandbox', 'source', String(received.sequence))).stdout, /^Subject: For Ann\r$/m)
  const message = await json('messages', 'show', received.message_id)
  assert.equal(message.state, 'delivered')
  assert.match(message.attempts_made[0].transcript, /250/)
  await run(0, 'reconcile', '--json')
  await run(0, 'logout')
  await run(4, 'lists', 'list')
})
