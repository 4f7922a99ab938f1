import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  readSessions,
  sessionFile,
  sessionFor,
  withoutSession,
  withSession,
  writeSessions,
} from './session.ts'

const session = { token: 't', expiresAt: '2026-11-23T00:00:00Z', email: 'a@b.example' }
const before = new Date('2026-11-22T00:00:00Z')
const none = { current: null, byOrigin: {} }

test('a session is found by the origin of its address until it is over', () => {
  const sessions = withSession(none, 'https://mail.example.com/base', session)
  assert.deepEqual(sessionFor(sessions, 'https://mail.example.com', before), session)
  assert.equal(sessionFor(sessions, 'http://mail.example.com', before), undefined)
  assert.equal(sessionFor(sessions, 'https://mail.example.com:444', before), undefined)
  assert.equal(sessionFor(sessions, 'https://mail.example.com', new Date('2026-11-23T00:00:00Z')), undefined)
})

test('signing out forgets one installation only', () => {
  const two = withSession(withSession(none, 'http://one.example', session), 'http://two.example', session)
  const left = withoutSession(two, 'http://two.example')
  assert.deepEqual(Object.keys(left.byOrigin), ['http://one.example'])
  assert.equal(left.current, null)
})

test('a file that is broken or of somebody else counts as no sign-in', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-cli-'))
  t.after(() => rm(dir, { recursive: true }))
  assert.deepEqual(await readSessions(dir), none)
  for (const text of ['', '{', '[]', '7', '{"byOrigin":{"x":{"token":5}}}']) {
    await writeFile(sessionFile(dir), text)
    assert.deepEqual(await readSessions(dir), none, text)
  }
  const sessions = withSession(none, 'http://one.example', session)
  await writeSessions(dir, sessions)
  assert.deepEqual(await readSessions(dir), sessions)
})
