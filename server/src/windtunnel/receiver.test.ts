import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { converse } from './conversation.ts'
import type { HabitsChange } from './habits.schema.ts'
import { runWindtunnel } from './running-windtunnel.ts'
import { FROM, MESSAGE, offer, send } from './transactions.ts'

const PROVIDERS = ['google', 'microsoft', 'yahoo', 'gmx', 'smallisp', 'plain'] as const
/** What a share decides is tested by the seed; here only the words in the address decide. */
const NO_CHANCE: HabitsChange = {
  unknown_user_share: 0,
  mailbox_full_share: 0,
  temporary_failure_share: 0,
  greylist_share: 0,
  cut_share: 0,
  slow_share: 0,
  requires_authentication: 'nothing',
}
const STEADY = Object.fromEntries(PROVIDERS.map((name) => [name, NO_CHANCE]))

test('each provider greets, lists its capabilities and accepts, in words of its own', async (t) => {
  const { windtunnel, visit, client } = await runWindtunnel(t, { habits: STEADY })
  const banners = new Set<string>()
  for (const name of PROVIDERS) {
    const { greeting, say } = await converse(windtunnel.addressOf(name), windtunnel.smtpPort)
    assert.match(greeting, /^220 \S+ .*ESMTP|^220 gmx\.net /)
    banners.add(greeting)
    const capabilities = await say('EHLO sender.example\r\n')
    for (const capability of ['PIPELINING', 'SIZE \\d+', '8BITMIME', 'ENHANCEDSTATUSCODES']) {
      assert.match(capabilities, new RegExp(`^250[ -]${capability}\\r?$`, 'm'), name)
    }
    assert.equal(/STARTTLS/.test(capabilities), name === 'google' || name === 'microsoft', name)
    assert.match(await send(await visit(name), `ann@${name}.example`), /^250 /)
  }
  assert.equal(banners.size, PROVIDERS.length)
  assert.equal((await client.stats()).received, PROVIDERS.length)
})

test('the words in a local part are answered by each provider in its own words', async (t) => {
  const { visit } = await runWindtunnel(t, { habits: STEADY })
  const seen = new Set<string>()
  for (const name of PROVIDERS) {
    const visitor = await visit(name)
    const unknown = await offer(visitor, 'unknown1@x.example')
    assert.match(unknown, /^550[ -]5\.1\.1 /, name)
    seen.add(unknown)
    assert.match(await offer(visitor, 'full1@x.example'), /^452[ -]4\.2\.2 /, name)
    assert.match(await offer(visitor, 'full1@x.example'), /^552[ -]5\.2\.2 /, name)
    assert.match(await offer(visitor, 'full1@x.example'), /^552[ -]5\.2\.2 /, name)
    assert.match(await offer(visitor, 'inactive@x.example'), /^550[ -]5\.2\.1 /, name)
    assert.match(await offer(visitor, 'reject@x.example'), /^55\d[ -]5\.7\./, name)
    assert.match(await offer(visitor, 'blocked@x.example'), /^55\d[ -]5\.7\.1 /, name)
    assert.match(await offer(visitor, 'tempfail1@x.example'), /^451[ -]4\.3\./, name)
    assert.match(await offer(visitor, 'tempfail1@x.example'), /^250 /, name)
    assert.match(await offer(visitor, 'greylist@x.example'), /^451[ -]4\.7\.1 /, name)
    assert.match(await send(visitor, 'spam@x.example'), /^55\d[ -]5\.7\.\d /, name)
    assert.match(await send(visitor, 'ann@x.example'), /^250 /, name)
    visitor.end()
  }
  assert.ok(seen.size >= 5)
})

test('a greylisted recipient is welcome when the sender comes back after the delay', async (t) => {
  const clock = manualClock()
  const { visit } = await runWindtunnel(t, {
    clock,
    habits: { smallisp: { ...NO_CHANCE, greylist_share: 1, greylist_delay_ms: 60_000 } },
  })
  const visitor = await visit('smallisp')
  assert.match(await send(visitor, 'ann@smallisp.example'), /^451 4\.7\.1 .*reylist/)
  await clock.advance(59_000)
  assert.match(await send(visitor, 'ann@smallisp.example'), /^451 4\.7\.1 /)
  await clock.advance(1000)
  assert.match(await send(visitor, 'ann@smallisp.example'), /^250 /)
})

test('above the rate the answer is 421 and the connection ends; a second later there is room', async (t) => {
  const clock = manualClock()
  const habits = { google: { ...NO_CHANCE, messages_per_second: 2, burst: 2 } }
  const { visit, client } = await runWindtunnel(t, { clock, habits })
  const visitor = await visit('google')
  assert.match(await send(visitor, 'ann@gmail.com'), /^250 /)
  assert.match(await send(visitor, 'bob@gmail.com'), /^250 /)
  assert.match(await visitor.say(`MAIL FROM:<${FROM}>\r\n`), /^421-4\.7\.28 [^]*\r\n421 4\.7\.28 /)
  await visitor.closed()
  await clock.advance(500)
  assert.match(await send(await visit('google'), 'cyd@gmail.com'), /^250 /)
  const google = (await client.providers()).find(({ name }) => name === 'google')
  assert.deepEqual(google?.outcomes, { accepted: 3, rate_limited: 1 })
})

test('a connection too many from one address is refused at the door', async (t) => {
  const { windtunnel, visit } = await runWindtunnel(t, { habits: { yahoo: { connections_per_address: 2 } } })
  const first = await visit('yahoo')
  await visit('yahoo')
  const third = await converse(windtunnel.addressOf('yahoo'), windtunnel.smtpPort)
  assert.match(third.greeting, /^421 4\.7\.0 .*oo many connections/)
  await third.closed()
  first.end()
  const again = await waitFor('room for another', async () => {
    const visitor = await converse(windtunnel.addressOf('yahoo'), windtunnel.smtpPort)
    t.after(() => visitor.end())
    return visitor.greeting.startsWith('220')
  })
  assert.ok(again)
})

test('the connection is cut after the data and before the reply, once, and nothing is kept', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: STEADY })
  const visitor = await visit('plain')
  assert.equal(await send(visitor, 'cut1@plain.example'), '')
  await visitor.closed()
  assert.equal((await client.stats()).received, 0)
  assert.match(await send(await visit('plain'), 'cut1@plain.example'), /^250 /)
  assert.equal((await client.stats()).received, 1)
  await client.changeHabits('plain', { keep_cut_messages: true })
  assert.equal(await send(await visit('plain'), 'cut2@plain.example'), '')
  assert.equal((await client.stats()).received, 2, 'in doubt: taken, though nobody was told')
})

test('a slow recipient is answered late at every step', async (t) => {
  const clock = manualClock()
  const { visit } = await runWindtunnel(t, { clock, habits: { plain: { slow_delay_ms: 5000 } } })
  const visitor = await visit('plain')
  visitor.write(`MAIL FROM:<${FROM}>\r\nRCPT TO:<slow1@plain.example>\r\nDATA\r\n`)
  const late = async (expected: RegExp) => {
    await waitFor('the delay to begin', () => clock.sleepers() === 1)
    await clock.advance(4999)
    assert.equal(clock.sleepers(), 1, 'not yet')
    await clock.advance(1)
    assert.match(await visitor.reply(), expected)
  }
  assert.match(await visitor.reply(), /^250 2\.1\.0/)
  await late(/^250 2\.1\.5/)
  await late(/^354/)
  visitor.write(`${MESSAGE}.\r\nQUIT\r\n`)
  await late(/^250 2\.0\.0/)
  assert.match(await visitor.reply(), /^221 /)
})

test('pipelined commands are answered in order wherever the bytes are cut', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: STEADY })
  const body = 'Message-ID: <N@news.example>\r\nSubject: x\r\n\r\n..dot\r\n..\r\nlast\r\n'
  const session =
    `MAIL FROM:<${FROM}>\r\nRCPT TO:<ann@plain.example>\r\nRCPT TO:<unknown@plain.example>\r\nDATA\r\n` +
    `${body.replace('N', '1')}.\r\nMAIL FROM:<${FROM}>\r\nRCPT TO:<bob@plain.example>\r\nDATA\r\n${body.replace('N', '2')}.\r\nNOOP\r\nQUIT\r\n`
  const expected = ['250', '250', '550', '354', '250', '250', '250', '354', '250', '250', '221']
  const sizes = [1, 2, 3, 5, 7, 16, 64, session.length]
  for (const size of sizes) {
    const visitor = await visit('plain')
    for (let at = 0; at < session.length; at += size) {
      visitor.write(session.slice(at, at + size))
      if (size < 64) await new Promise((resolve) => setImmediate(resolve))
    }
    const codes: string[] = []
    while (codes.length < expected.length) codes.push((await visitor.reply()).slice(0, 3))
    assert.deepEqual(codes, expected, `chunks of ${size}`)
    await visitor.closed()
  }
  const { data } = await client.messages({ limit: 100 })
  assert.equal(data.length, sizes.length * 2)
  for (const { sequence } of data) {
    const raw = await client.raw(sequence)
    assert.match(
      raw?.toString() ?? '',
      /^Message-ID: <[12]@news\.example>\r\nSubject: x\r\n\r\n\.dot\r\n\.\r\nlast\r\n$/,
    )
  }
})

test('a full disk is answered with 452, nothing is counted, and the connection goes on', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'full-disk-'))
  t.after(() => rm(dataDir, { recursive: true, force: true }))
  await mkdir(join(dataDir, 'windtunnel'))
  await symlink('/dev/full', join(dataDir, 'windtunnel', '000001.eml'))
  const { visit, client } = await runWindtunnel(t, { settings: { dataDir } })
  const visitor = await visit('plain')
  assert.match(await send(visitor, 'ann@plain.example'), /^452 4\.3\.1 /)
  assert.match(await send(visitor, 'ann@plain.example'), /^452 4\.3\.1 /)
  assert.equal((await client.stats()).received, 0)
  await client.reset()
  assert.match(await send(visitor, 'ann@plain.example'), /^250 /, 'a new segment has room')
})

test('a large message of many chunks arrives byte for byte', async (t) => {
  const { visit, client } = await runWindtunnel(t)
  const lines = Array.from({ length: 60_000 }, (_, index) => `${index} ${'z'.repeat(index % 70)}\r\n`).join(
    '',
  )
  assert.match(
    await send(await visit('plain'), 'ann@plain.example', `Subject: large\r\n\r\n${lines}`),
    /^250 /,
  )
  const [newest] = (await client.messages()).data
  assert.ok(newest)
  assert.equal((await client.raw(newest.sequence))?.toString(), `Subject: large\r\n\r\n${lines}`)
})

test('a message above the limit is refused by its announced size and by its real size', async (t) => {
  const { visit } = await runWindtunnel(t, { habits: { plain: { max_message_bytes: 1000 } } })
  const visitor = await visit('plain')
  assert.match(await visitor.say(`MAIL FROM:<${FROM}> SIZE=1001\r\n`), /^552 5\.3\.4/)
  assert.match(await send(visitor, 'ann@plain.example', `${'x'.repeat(5000)}\r\n`), /^552 5\.3\.4/)
  assert.match(await send(visitor, 'ann@plain.example'), /^250 /, 'the connection goes on')
})

test('bare line feeds do not end data, do not end commands, and microsoft refuses messages with them', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: STEADY })
  const smuggled = 'Subject: x\r\n\r\na\n.\nMAIL FROM:<evil@x.example>\r\n.\n\r\nend\r\n'
  assert.match(await send(await visit('plain'), 'ann@plain.example', smuggled), /^250 /)
  assert.match(await send(await visit('microsoft'), 'ann@outlook.com', smuggled), /^550 5\.6\.11 /)
  assert.equal((await client.stats()).received, 1)
  const visitor = await visit('plain')
  assert.match(await visitor.say(`MAIL FROM:<${FROM}>\nRCPT TO:<ann@plain.example>\r\n`), /^521 /)
  await visitor.closed()
})

test('STARTTLS encrypts, forgets what was said before and takes nothing sent ahead in plain text', async (t) => {
  const { windtunnel, visit, client } = await runWindtunnel(t, { habits: STEADY })
  const visitor = await visit('google')
  assert.match(await visitor.say('STARTTLS\r\n'), /^220 /)
  await visitor.secure()
  assert.match(await visitor.say(`MAIL FROM:<${FROM}>\r\n`), /^503 /, 'EHLO is due again')
  assert.doesNotMatch(await visitor.say('EHLO sender.example\r\n'), /STARTTLS/)
  assert.match(await send(visitor, 'ann@gmail.com'), /^250 /)
  assert.equal((await client.messages()).data[0]?.tls, true)

  const injecting = await visit('google')
  assert.match(await injecting.say(`STARTTLS\r\nMAIL FROM:<${FROM}>\r\n`), /^554 /)
  await injecting.closed()
  const yahoo = await converse(windtunnel.addressOf('yahoo'), windtunnel.smtpPort)
  assert.match(await yahoo.say('STARTTLS\r\n'), /^502 /)
  yahoo.end()
})

test('without TLS in the settings nobody offers it', async (t) => {
  const { visit } = await runWindtunnel(t, { settings: { tls: false } })
  const visitor = await visit('google')
  assert.doesNotMatch(await visitor.say('EHLO x.example\r\n'), /STARTTLS/)
  assert.match(await visitor.say('STARTTLS\r\n'), /^502 /)
})

test('commands out of order and junk are refused, and enough of them end the connection', async (t) => {
  const { windtunnel, visit } = await runWindtunnel(t)
  const fresh = await converse(windtunnel.addressOf('plain'), windtunnel.smtpPort)
  assert.match(await fresh.say(`MAIL FROM:<${FROM}>\r\n`), /^503 /)
  assert.match(await fresh.say('HELO x\r\n'), /^250 mx\.plain\.example$/)
  assert.match(await fresh.say('RCPT TO:<ann@x.example>\r\n'), /^503 /)
  assert.match(await fresh.say('DATA\r\n'), /^503 /)
  assert.match(await fresh.say(`MAIL FROM:<${FROM}>\r\n`), /^250 /)
  assert.match(await fresh.say(`MAIL FROM:<${FROM}>\r\n`), /^503 /)
  assert.match(await fresh.say('DATA\r\n'), /^554 /)
  assert.match(await fresh.say('RCPT TO:<jürgen@x.example>\r\n'), /^553 5\.6\.7/)
  assert.match(await fresh.say('VRFY ann\r\n'), /^252 /)
  fresh.end()

  const noisy = await visit('plain')
  let reply = ''
  for (let line = 0; line < 12 && !reply.startsWith('421'); line++)
    reply = await noisy.say(`${'\u0000\u0007'.repeat(line)}junk\r\n`)
  assert.match(reply, /^421 /)
  await noisy.closed()

  const endless = await visit('plain')
  assert.match(await endless.say('x'.repeat(10_000)), /^500 5\.5\.2/)
  await endless.closed()
})

test('stopping says goodbye to idle visitors and does not wait for busy ones', async (t) => {
  const { windtunnel, visit } = await runWindtunnel(t)
  const idle = await visit('plain')
  const busy = await visit('plain')
  await busy.say(`MAIL FROM:<${FROM}>\r\n`)
  const startedAt = performance.now()
  await windtunnel.stop()
  assert.ok(performance.now() - startedAt < 2000)
  assert.match(await idle.reply(), /^421 4\.3\.2/)
  await busy.closed()
})

test('two runs with one seed give the same replies, another seed gives others', async (t) => {
  const shares = {
    unknown_user_share: 0.1,
    mailbox_full_share: 0.1,
    temporary_failure_share: 0.1,
    cut_share: 0.05,
    messages_per_second: 0,
    requires_authentication: 'nothing' as const,
  }
  const run = async (seed: number): Promise<string[]> => {
    const { visit } = await runWindtunnel(t, { settings: { seed }, habits: { google: shares } })
    const replies: string[] = []
    let visitor = await visit('google')
    for (let person = 0; person < 120; person++) {
      for (let attempt = 0; attempt < 2; attempt++) {
        const reply = await send(visitor, `person${person}@gmail.com`)
        replies.push(reply)
        if (reply === '') visitor = await visit('google')
      }
    }
    visitor.end()
    return replies
  }
  const first = await run(11)
  assert.deepEqual(await run(11), first)
  assert.notDeepEqual(await run(12), first)
  assert.ok(first.some((reply) => reply === '') && first.some((reply) => reply.startsWith('451')))
})
