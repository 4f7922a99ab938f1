import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ScriptedEvent } from '@pigeon/server/test/scripted-smtp.ts'
import {
  at,
  attempt,
  connected,
  inWords,
  LONG,
  scriptedServer,
  send,
  sendAgain,
  SHORT_MS,
} from '@pigeon/server/test/smtp-dialing.ts'

/** What a server offers that takes chunks, with and without PIPELINING. */
const OFFERS = [['PIPELINING', 'CHUNKING'], ['CHUNKING']]

for (const extensions of OFFERS) {
  const how = extensions.includes('PIPELINING') ? 'with PIPELINING' : 'without PIPELINING'

  test(`where CHUNKING is offered the content goes as it is, in chunks, ${how}`, async (t) => {
    const one = await scriptedServer(t, { extensions })
    const results = await send(
      await connected(t, one),
      attempt('a@x.example'),
      attempt('b@x.example'),
      attempt('c@x.example'),
    )
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250', 'reply dot 250'])
    assert.deepEqual(
      one.accepted.map((each) => each.content),
      ['a', 'b', 'c'].map((name) => `Subject: to ${name}@x.example\r\n\r\n.dot\r\nend\r\n`),
    )
    assert.ok(!one.heard.some((line) => line.includes('DATA')))
    // The first line went alone once, to see that it is not taken for a command.
    assert.deepEqual(
      one.heard.filter((line) => line.includes('BDAT')),
      ['1 BDAT 25', '1 BDAT 13 LAST', '1 BDAT 38 LAST', '1 BDAT 38 LAST'],
    )
  })

  test(`no chunk is sent for a recipient that is refused, and the next message goes on, ${how}`, async (t) => {
    const one = await scriptedServer(t, { extensions, answer: at('RCPT', '550 5.1.1 No such user\r\n', 2) })
    const results = await send(
      await connected(t, one),
      attempt('a@x.example'),
      attempt('no@x.example'),
      attempt('c@x.example'),
    )
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply rcpt 550', 'reply dot 250'])
    assert.deepEqual(
      one.accepted.flatMap((each) => each.rcptTo),
      ['a@x.example', 'c@x.example'],
    )
    assert.equal(one.heard.filter((line) => line.includes('BDAT')).length, 3)
  })

  test(`a server that does not know BDAT gets DATA on the same connection, and is remembered, ${how}`, async (t) => {
    const unknown = (event: ScriptedEvent) =>
      event.verb === 'BDAT' ? '502 5.5.2 Unknown command\r\n' : undefined
    const one = await scriptedServer(t, { extensions, answer: unknown })
    let broken = 0
    const connection = await connected(t, one, { onBdatBroken: () => (broken += 1) })
    // Of what is read as commands only the first line may be there: the rest could be anything.
    const content = 'X-First: 1\r\n\r\nRCPT TO:<other@x.example>\r\nDATA\r\n.\r\n'
    const first = attempt('a@x.example', { content })
    const results = await sendAgain(connection, first, attempt('b@x.example'))
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250'])
    assert.deepEqual([first.givenBack, broken, one.connections()], [1, 1, 1])
    assert.deepEqual(
      one.accepted.map((each) => [each.rcptTo, each.content]),
      [
        [['a@x.example'], content],
        [['b@x.example'], 'Subject: to b@x.example\r\n\r\n.dot\r\nend\r\n'],
      ],
    )
    assert.equal(one.heard.filter((line) => line.includes('BDAT')).length, 1)
    assert.ok(one.heard.includes('1 X-First: 1'))
  })

  test(`a server that takes the chunk and refuses BDAT all the same gets DATA, ${how}`, async (t) => {
    const one = await scriptedServer(t, { extensions, answer: at('CHUNK', '503 5.5.1 Not now\r\n') })
    const results = await sendAgain(await connected(t, one), attempt('a@x.example'), attempt('b@x.example'))
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250'])
    assert.equal(one.accepted.length, 2)
  })

  for (const verb of ['CHUNK', 'CONTENT'] as const) {
    const phase = verb === 'CHUNK' ? 'data' : 'dot'

    test(`a 4xx to a ${verb} is the result, and the connection goes on, ${how}`, async (t) => {
      const one = await scriptedServer(t, { extensions, answer: at(verb, '451 4.3.0 Later\r\n') })
      const results = await send(await connected(t, one), attempt('a@x.example'), attempt('b@x.example'))
      assert.deepEqual(results.map(inWords), [`reply ${phase} 451`, 'reply dot 250'])
      assert.deepEqual(
        one.accepted.flatMap((each) => each.rcptTo),
        ['b@x.example'],
      )
    })

    for (const broken of [{ do: 'cut' }, { do: 'stall' }] as const) {
      test(`a connection that meets a ${broken.do} at a ${verb} is in doubt only after the last, and BDAT is not tried again, ${how}`, async (t) => {
        const one = await scriptedServer(t, { extensions, answer: at(verb, broken) })
        let told = 0
        const timeouts = {
          ...LONG,
          ...(broken.do === 'stall' && { [verb === 'CHUNK' ? 'dataMs' : 'dotMs']: SHORT_MS }),
        }
        const connection = await connected(t, one, { timeouts, onBdatBroken: () => (told += 1) })
        const [result] = await send(connection, attempt('a@x.example'))
        const end = broken.do === 'cut' ? 'broken' : 'timeout'
        assert.equal(inWords(result), verb === 'CONTENT' ? `${end} dot in doubt` : `${end} data`)
        assert.deepEqual([told, one.accepted.length, connection.isUsable()], [1, 0, false])
      })
    }
  }
}

test('the journal is awaited before the last chunk, and when it fails the message is not there', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'CHUNKING'] })
  const connection = await connected(t, one)
  const journal = (): Promise<void> => Promise.reject(new Error('ENOSPC'))
  const [result] = await send(connection, attempt('a@x.example', { journal }))
  assert.equal(inWords(result), 'unsent journal_failed')
  assert.ok(!one.heard.some((line) => line.includes('LAST')))
  assert.equal(connection.isUsable(), false)
})

test('a large message goes in one chunk, and its neighbours after it', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'CHUNKING'] })
  const content = `Subject: large\r\n\r\n${`.${'x'.repeat(69)}\r\n`.repeat(40_000)}`
  const results = await send(
    await connected(t, one),
    attempt('a@x.example', { content }),
    attempt('b@x.example', { content }),
    attempt('c@x.example'),
  )
  assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250', 'reply dot 250'])
  assert.ok(one.accepted[0]?.content === content && one.accepted[1]?.content === content)
})

test('a server that takes BDAT for DATA is left at once, and nothing of the message is in doubt', async (t) => {
  const one = await scriptedServer(t, {
    extensions: ['PIPELINING', 'CHUNKING'],
    answer: at('BDAT', '354 Go on\r\n'),
  })
  const connection = await connected(t, one)
  const [result] = await send(connection, attempt('a@x.example'))
  assert.equal(inWords(result), 'broken data')
  assert.equal(connection.isUsable(), false)
})

test('where BDAT did not work before, it is not used', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'CHUNKING'] })
  const connection = await connected(t, one, { noChunking: true })
  assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['reply dot 250'])
  assert.ok(one.heard.includes('1 DATA'))
})

test('the transcript shows the chunks as their size', async (t) => {
  const one = await scriptedServer(t, { extensions: ['PIPELINING', 'CHUNKING'] })
  const message = attempt('a@x.example', { content: 'Subject: s\r\n\r\nsecret\r\n' })
  await send(await connected(t, one), message)
  assert.match(
    message.transcript.text(),
    /C: BDAT 12\nC: <12 octets>\nS: 250 2\.0\.0 Ok\nC: BDAT 10 LAST\nC: <10 octets>\nS: 250 2\.0\.0 Ok\n$/,
  )
})
