import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failuresOnly } from '@pigeon/mail/smtp-dsn.ts'
import { attempt, connected, inWords, scriptedServer, send } from '@pigeon/server/test/smtp-dialing.ts'

const EIGHT_BIT = 'Subject: x\r\n\r\nKäthe\r\n'

test('a message above the offered SIZE is refused without being asked about, and its neighbours go', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'SIZE 100'] })
  const large = attempt('large@x.example', { content: `Subject: x\r\n\r\n${'x'.repeat(86)}\r\n` })
  const results = await send(await connected(t, one), attempt('a@x.example'), large, attempt('c@x.example'))
  assert.deepEqual(results.map(inWords), ['reply dot 250', 'unsent too_big', 'reply dot 250'])
  assert.ok(!one.heard.some((line) => line.includes('large@x.example') || line.includes('RSET')))
  assert.match(large.transcript.text(), /^\* The message has 102 octets, .* at most 100/)
})

test('dots that are doubled on the way do not count for SIZE', async (t) => {
  const content = `Subject: x\r\n\r\n${'.\r\n'.repeat(28)}`
  assert.equal(content.length, 98)
  for (const [size, words] of [
    [98, 'reply dot 250'],
    [97, 'unsent too_big'],
  ]) {
    const one = await scriptedServer(t, { extensions: [`SIZE ${size}`] })
    const results = await send(await connected(t, one), attempt('a@x.example', { content }))
    assert.deepEqual(results.map(inWords), [words])
  }
})

test('octets above 127 are announced where 8BITMIME is offered, and not sent where it is not', async (t) => {
  const offering = await scriptedServer(t, { extensions: ['PIPELINING', '8BITMIME'] })
  const messages = [attempt('a@x.example', { content: EIGHT_BIT }), attempt('b@x.example')]
  assert.deepEqual((await send(await connected(t, offering), ...messages)).map(inWords), [
    'reply dot 250',
    'reply dot 250',
  ])
  assert.deepEqual(
    offering.heard.filter((line) => line.includes('MAIL')),
    ['1 MAIL FROM:<news@sender.example> BODY=8BITMIME', '1 MAIL FROM:<news@sender.example>'],
  )
  assert.equal(Buffer.from(offering.accepted[0]?.content ?? '', 'latin1').toString(), EIGHT_BIT)
  const old = await scriptedServer(t, { extensions: ['PIPELINING'] })
  const refused = await send(await connected(t, old), attempt('a@x.example', { content: EIGHT_BIT }))
  assert.deepEqual(refused.map(inWords), ['unsent needs_8bitmime'])
  assert.ok(!old.heard.some((line) => line.includes('MAIL')))
})

test('an address outside ASCII is sent where SMTPUTF8 is offered, and not where it is not', async (t) => {
  const offering = await scriptedServer(t, { extensions: ['PIPELINING', '8BITMIME', 'SMTPUTF8'] })
  const results = await send(await connected(t, offering), attempt('käthe@x.example'), attempt('b@x.example'))
  // The content of `attempt` names the recipient, so it has octets above 127 too.
  assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250'])
  assert.deepEqual(
    offering.heard.filter((line) => line.includes('MAIL')),
    ['1 MAIL FROM:<news@sender.example> BODY=8BITMIME SMTPUTF8', '1 MAIL FROM:<news@sender.example>'],
  )
  assert.deepEqual(
    offering.accepted.flatMap((each) => each.rcptTo),
    ['käthe@x.example', 'b@x.example'],
  )
  const old = await scriptedServer(t, { extensions: ['PIPELINING', '8BITMIME'] })
  const refused = await send(
    await connected(t, old),
    attempt('käthe@x.example'),
    attempt('b@bücher.example', { content: 'Subject: x\r\n\r\nx\r\n' }),
  )
  assert.deepEqual(refused.map(inWords), ['unsent needs_smtputf8', 'reply dot 250'])
  assert.deepEqual(
    old.accepted.flatMap((each) => each.rcptTo),
    ['b@xn--bcher-kva.example'],
  )
})

test('reports of failures are asked for where DSN is offered', async (t) => {
  const dsn = failuresOnly('0198c0de')
  const offering = await scriptedServer(t, { extensions: ['PIPELINING', 'DSN'] })
  await send(await connected(t, offering), attempt('a+b@x.example', { dsn }))
  assert.ok(offering.heard.includes('1 MAIL FROM:<news@sender.example> RET=HDRS ENVID=0198c0de'))
  assert.ok(offering.heard.includes('1 RCPT TO:<a+b@x.example> NOTIFY=FAILURE ORCPT=rfc822;a+2Bb@x.example'))
  const old = await scriptedServer(t, { extensions: ['PIPELINING'] })
  await send(await connected(t, old), attempt('a+b@x.example', { dsn }))
  assert.ok(old.heard.includes('1 RCPT TO:<a+b@x.example>'))
})
