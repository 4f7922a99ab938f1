import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { classifyReply } from '@pigeon/mail/classify-reply.ts'
import { Problem } from '#platform/problem.ts'
import { converse } from './conversation.ts'
import { loadProfiles } from './load-profiles.ts'
import { runWindtunnel } from './running-windtunnel.ts'

async function directoryWith(t: TestContext, files: Readonly<Record<string, unknown>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'profiles-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, name), typeof content === 'string' ? content : JSON.stringify(content))
  return directory
}

const BANK = {
  name: 'bank',
  like: 'microsoft365',
  address: '127.10.1.200',
  host: 'mx.bank.example',
  banner: 'mx.bank.example ready',
  domains: ['bank.example'],
  own_mx: [{ preference: 10, exchange: 'mx.{domain}' }],
  host_suffixes: ['bank.example'],
  words: { spam: '550 5.7.1 Not in this bank' },
  habits: { connections_per_address: 1 },
}

test('a directory of one’s own adds providers, which are like others where they say nothing', async (t) => {
  const profiles = await directoryWith(t, { 'bank.json': BANK, 'notes.txt': 'not a profile' })
  const { windtunnel, client } = await runWindtunnel(t, { settings: { profiles } })
  const { greeting, say, end } = await converse(windtunnel.addressOf('bank'), windtunnel.smtpPort)
  t.after(end)
  assert.equal(greeting, '220 mx.bank.example ready')
  assert.match(await say('EHLO sender.example\r\n'), /STARTTLS/, 'as microsoft365')
  const bank = (await client.providers()).find(({ name }) => name === 'bank')
  assert.equal(bank?.habits.connections_per_address, 1)
  assert.equal(bank?.habits.refuses_bare_lf, true, 'from microsoft, which microsoft365 is like')
  assert.equal((await client.recipient('ann@bank.example')).provider, 'bank')
})

test('a file with the name of a provider takes its place and may be like it', async (t) => {
  const own = {
    name: 'google',
    like: 'google',
    address: '127.10.1.1',
    domains: ['gmail.com'],
    weight: 7,
    own_mx: [{ preference: 5, exchange: 'gmail-smtp-in.l.google.com' }],
    host_suffixes: ['google.com'],
    gentle: { messages_per_connection: 5 },
  }
  const profiles = await loadProfiles(await directoryWith(t, { 'mine.json': own }))
  const google = profiles.filter(({ name }) => name === 'google')
  assert.equal(google.length, 1)
  assert.equal(google[0]?.weight, 7)
  assert.equal(google[0]?.gentleHabits.messages_per_connection, 5)
  assert.equal(google[0]?.habits.messages_per_connection, 50)
  assert.match(google[0]?.banner ?? '', /gsmtp/)
})

test('every bad file and field is named at once', async (t) => {
  const directory = await directoryWith(t, {
    'a.json': '{',
    'b.json': { ...BANK, habits: { unknown_user_share: 2 }, colour: 'red' },
    'c.json': { ...BANK, name: 'c', like: 'nobody' },
    'd.json': { ...BANK, name: 'd', address: '127.10.1.1', words: { spam: 'go away' } },
    'e.json': { ...BANK, name: 'e', like: undefined, domains: ['gmail.com'] },
  })
  await assert.rejects(loadProfiles(directory), (error: unknown) => {
    assert.ok(error instanceof Problem)
    assert.equal(error.code, 'windtunnel.bad_profile')
    const fields = error.errors.map(({ field }) => field)
    for (const field of [
      'a.json',
      'b.json/habits/unknown_user_share',
      'c.json/like',
      'd.json/words/spam',
      'e.json',
    ])
      assert.ok(fields.includes(field), `${field} in ${fields.join(', ')}`)
    assert.match(error.message, /b\.json\/habits\/unknown_user_share/)
    return true
  })
})

test('two providers on one address, or with one domain, are refused', async (t) => {
  const directory = await directoryWith(t, {
    'one.json': { ...BANK, address: '127.10.1.1' },
    'two.json': { ...BANK, name: 'two', address: '127.10.1.201', domains: ['gmail.com'] },
  })
  await assert.rejects(loadProfiles(directory), /127\.10\.1\.1 is taken by .*gmail\.com is taken by/)
})

test('a directory that is not there is named with its setting', async () => {
  await assert.rejects(loadProfiles('/nowhere/at/all'), /\/nowhere\/at\/all.*PIGEON_WINDTUNNEL_PROFILES/)
})

test('the words of every provider are read as what they mean by the rules for real replies', async () => {
  const slow = ['rate_limited', 'reputation']
  const expected = [
    ['unknown_user', 'rcpt', ['unknown_user']],
    ['mailbox_full', 'rcpt', ['mailbox_full']],
    ['rate_limited', 'mail', slow],
    ['domain_rate_limited', 'mail', slow],
    ['volume_deferred', 'mail', slow],
    ['reputation_limited', 'mail', slow],
    ['blocked', 'mail', ['blocked', 'policy', 'reputation']],
    ['unauthenticated', 'body', ['auth_failure']],
  ] as const
  for (const { name, knownAs: provider, words } of await loadProfiles()) {
    for (const [situation, phase, classes] of expected) {
      const { code, status: enhanced, lines } = words[situation]
      const read = classifyReply({ code, enhanced, text: lines.join(' '), phase, provider })
      assert.ok(
        classes.some((each) => each === read.class),
        `${name} ${situation}: ${read.class}`,
      )
    }
  }
})
