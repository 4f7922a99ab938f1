import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ScriptedSmtpOptions } from '@pigeon/server/test/scripted-smtp.ts'
import {
  shortAt,
  scriptedServer,
  dial,
  connected,
  attempt,
  send,
  inWords,
  at,
} from '@pigeon/server/test/smtp-dialing.ts'

const NO_PIPELINING = ['SIZE 10000000']

for (const extensions of [undefined, NO_PIPELINING]) {
  const how = extensions === undefined ? 'with PIPELINING' : 'without PIPELINING'
  const usual: ScriptedSmtpOptions = extensions === undefined ? {} : { extensions }

  test(`three messages arrive over one connection, unchanged, ${how}`, async (t) => {
    const one = await scriptedServer(t, usual)
    const connection = await connected(t, one)
    const results = await send(
      connection,
      attempt('a@x.example'),
      attempt('b@x.example'),
      attempt('c@x.example'),
    )
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250', 'reply dot 250'])
    assert.deepEqual(
      one.accepted.map((each) => each.rcptTo),
      [['a@x.example'], ['b@x.example'], ['c@x.example']],
    )
    assert.equal(one.accepted[1]?.content, 'Subject: to b@x.example\r\n\r\n.dot\r\nend\r\n')
    assert.equal(one.connections(), 1)
    assert.ok(one.heard.some((line) => /MAIL FROM:<news@sender\.example> SIZE=\d+/.test(line)))
  })

  test(`a refused recipient is answered with its reply and does not harm its neighbours, ${how}`, async (t) => {
    const one = await scriptedServer(t, { ...usual, answer: at('RCPT', '550 5.1.1 No such user\r\n', 2) })
    const connection = await connected(t, one)
    const results = await send(
      connection,
      attempt('a@x.example'),
      attempt('no@x.example'),
      attempt('c@x.example'),
    )
    assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply rcpt 550', 'reply dot 250'])
    assert.deepEqual(
      one.accepted.flatMap((each) => each.rcptTo),
      ['a@x.example', 'c@x.example'],
    )
    assert.ok(one.heard.includes('1 RSET'))
  })

  for (const verb of ['MAIL', 'RCPT', 'DATA', 'CONTENT'] as const) {
    const phase = verb === 'CONTENT' ? 'dot' : verb.toLowerCase()

    test(`a 4xx to ${verb} is the result, and the connection goes on, ${how}`, async (t) => {
      const one = await scriptedServer(t, { ...usual, answer: at(verb, '451 4.3.0 Later\r\n') })
      const connection = await connected(t, one)
      const results = await send(connection, attempt('a@x.example'), attempt('b@x.example'))
      assert.deepEqual(results.map(inWords), [`reply ${phase} 451`, 'reply dot 250'])
      assert.equal(one.connections(), 1)
    })

    test(`421 to ${verb} is the result and ends the connection, ${how}`, async (t) => {
      const one = await scriptedServer(t, { ...usual, answer: at(verb, '421 4.3.2 Closing\r\n') })
      const connection = await connected(t, one)
      const second = attempt('b@x.example')
      const results = await send(connection, attempt('a@x.example'), second)
      assert.deepEqual(results.map(inWords), [`reply ${phase} 421`])
      assert.equal(connection.isUsable(), false)
      // Where the next envelope was on its way, it comes back to be sent elsewhere.
      assert.equal(second.givenBack, verb === 'CONTENT' && extensions === undefined ? 1 : 0)
    })

    test(`a server that says nothing to ${verb} is given up in time, ${how}`, async (t) => {
      const one = await scriptedServer(t, { ...usual, answer: at(verb, { do: 'stall' }) })
      const connection = await connected(t, one, { timeouts: shortAt(verb) })
      const [result] = await send(connection, attempt('a@x.example'))
      assert.equal(inWords(result), verb === 'CONTENT' ? 'timeout dot in doubt' : `timeout ${phase}`)
      assert.equal(connection.isUsable(), false)
    })

    test(`a connection cut at ${verb} is broken, and in doubt only after the final dot, ${how}`, async (t) => {
      const one = await scriptedServer(t, { ...usual, answer: at(verb, { do: 'cut' }) })
      const connection = await connected(t, one)
      const [result] = await send(connection, attempt('a@x.example'))
      assert.equal(inWords(result), verb === 'CONTENT' ? 'broken dot in doubt' : `broken ${phase}`)
      assert.equal(one.accepted.length, 0)
    })
  }
}

for (const verb of ['BANNER', 'EHLO'] as const) {
  const phase = verb.toLowerCase()
  for (const code of ['421 4.7.0 Too many connections', '554 5.7.1 Go away']) {
    if (verb === 'EHLO' && code.startsWith('5')) continue
    test(`${code.slice(0, 3)} at ${verb} is a failed opening with that reply`, async (t) => {
      const opened = await dial(await scriptedServer(t, { answer: at(verb, `${code}\r\n`) }))
      assert.equal(opened.kind === 'failed' && inWords(opened.result), `reply ${phase} ${code.slice(0, 3)}`)
      assert.match(opened.kind === 'failed' ? opened.transcript : '', new RegExp(`S: ${code}`))
    })
  }

  test(`a server that says nothing at ${verb} is given up in time`, async (t) => {
    const opened = await dial(await scriptedServer(t, { answer: at(verb, { do: 'stall' }) }), {
      timeouts: shortAt(verb),
    })
    assert.equal(opened.kind === 'failed' && inWords(opened.result), `timeout ${phase}`)
  })

  test(`a connection cut at ${verb} is a failed opening`, async (t) => {
    const opened = await dial(await scriptedServer(t, { answer: at(verb, { do: 'cut' }) }))
    assert.equal(opened.kind === 'failed' && inWords(opened.result), `broken ${phase}`)
  })
}

test('a port where nobody listens is a failed connect, with the reason', async (t) => {
  const one = await scriptedServer(t)
  await one.close()
  const opened = await dial(one)
  assert.equal(opened.kind === 'failed' && inWords(opened.result), 'broken connect')
  assert.match(opened.kind === 'failed' ? opened.transcript : '', /ECONNREFUSED/)
})

test('a server that refuses EHLO is asked with HELO', async (t) => {
  const one = await scriptedServer(t, { answer: at('EHLO', '502 5.5.1 Not implemented\r\n') })
  const connection = await connected(t, one)
  assert.equal(connection.features.pipelining, false)
  assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['reply dot 250'])
  assert.ok(one.heard.includes('1 HELO client.example'))
})

test('replies may come in pieces of any size', async (t) => {
  for (const chunkOctets of [1, 2, 3, 5, 7, 11]) {
    const one = await scriptedServer(t, {
      chunkOctets,
      answer: at('CONTENT', '250-2.0.0 Ok\r\n250-more\r\n250 2.0.0 done\r\n'),
    })
    const connection = await connected(t, one)
    const results = await send(connection, attempt('a@x.example'), attempt('b@x.example'))
    assert.deepEqual(
      results.map(inWords),
      ['reply dot 250', 'reply dot 250'],
      `${chunkOctets} octets at a time`,
    )
    const first = results[0]
    assert.deepEqual(first?.kind === 'reply' ? first.reply.lines.length : 0, 3)
  }
})

test('lines that end with a bare LF are read', async (t) => {
  const one = await scriptedServer(t, {
    answer: (event) =>
      event.verb === 'BANNER' ? '220 old.example\n' : event.verb === 'RCPT' ? '250 ok\n' : undefined,
  })
  const connection = await connected(t, one)
  assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['reply dot 250'])
})

test('an enormous reply, or one that is not SMTP, breaks the connection and nothing else', async (t) => {
  for (const said of [
    '250 '.padEnd(100_000, 'x'),
    `${'250-more\r\n'.repeat(10_000)}250 done\r\n`,
    'HTTP/1.1 400 Bad\r\n',
  ]) {
    const one = await scriptedServer(t, { answer: at('MAIL', said) })
    const connection = await connected(t, one)
    assert.deepEqual((await send(connection, attempt('a@x.example'))).map(inWords), ['broken mail'])
  }
})

test('DATA that is accepted without a recipient gets an empty message, and the next one is sent', async (t) => {
  const one = await scriptedServer(t, {
    answer: (event) => {
      if (event.verb === 'RCPT' && event.count === 1) return '550 5.1.1 No such user\r\n'
      return event.verb === 'DATA' ? '354 Go on\r\n' : undefined
    },
  })
  const connection = await connected(t, one)
  const results = await send(connection, attempt('no@x.example'), attempt('b@x.example'))
  assert.deepEqual(results.map(inWords), ['reply rcpt 550', 'reply dot 250'])
  assert.deepEqual(
    one.heard.filter((line) => line.includes('<0>')),
    ['1 <0>'],
  )
})

test('the journal is awaited before the final dot, and when it fails nothing of the message leaves', async (t) => {
  const one = await scriptedServer(t)
  const connection = await connected(t, one)
  const [result] = await send(
    connection,
    attempt('a@x.example', { journal: () => Promise.reject(new Error('ENOSPC')) }),
  )
  assert.equal(inWords(result), 'unsent journal_failed')
  assert.equal(connection.isUsable(), false)
  assert.ok(!one.heard.some((line) => line.includes('<') && !line.includes(':<')))
  assert.equal(one.accepted.length, 0)
})

test('an address with a line break or a NUL never reaches the socket', async (t) => {
  const one = await scriptedServer(t)
  const connection = await connected(t, one)
  const bad = ['a@x.example>\r\nRCPT TO:<b@x.example', 'a\n@x.example', 'a\0@x.example', '']
  const results = await send(connection, ...bad.map((rcpt) => attempt(rcpt)), attempt('ok@x.example'))
  assert.deepEqual(results.map(inWords), [...bad.map(() => 'unsent invalid_envelope'), 'reply dot 250'])
  const evil = await send(connection, attempt('ok@x.example', { mailFrom: 'a@x\r\nDATA' }))
  assert.deepEqual(evil.map(inWords), ['unsent invalid_envelope'])
  assert.equal(one.accepted.length, 1)
})

test('the null sender is sent as <>', async (t) => {
  const one = await scriptedServer(t)
  await send(await connected(t, one), attempt('a@x.example', { mailFrom: '' }))
  assert.ok(one.heard.some((line) => line.startsWith('1 MAIL FROM:<>')))
})

test('a large message arrives whole', async (t) => {
  const one = await scriptedServer(t)
  const content = `Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(40_000)}`
  const results = await send(
    await connected(t, one),
    attempt('a@x.example', { content }),
    attempt('b@x.example'),
  )
  assert.deepEqual(results.map(inWords), ['reply dot 250', 'reply dot 250'])
  assert.equal(one.accepted[0]?.content, content)
})

test('a warm connection that the server closed gives its message back', async (t) => {
  const one = await scriptedServer(t, { answer: at('MAIL', { do: 'cut' }, 2) })
  const second = attempt('b@x.example')
  const results = await send(await connected(t, one), attempt('a@x.example'), second)
  assert.equal(inWords(results[0]), 'reply dot 250')
  assert.equal(second.givenBack, 1)
})

test('the transcript shows the conversation, and the content only as its size', async (t) => {
  const one = await scriptedServer(t)
  const connection = await connected(t, one)
  assert.match(
    connection.greeting,
    /S: 220 test\.example ESMTP\nC: EHLO client\.example\nS: 250-test\.example/,
  )
  const message = attempt('a@x.example', { content: 'Subject: secret\r\n\r\nsecret\r\n' })
  await send(connection, message)
  const text = message.transcript.text()
  assert.match(text, /C: MAIL FROM:<news@sender\.example> SIZE=27\nC: RCPT TO:<a@x\.example>\nC: DATA\n/)
  assert.match(text, /C: <30 octets>\nS: 250 2\.0\.0 Ok: queued\n$/)
  assert.doesNotMatch(text, /secret/)
})

test('an answer to the dot that comes before the content is none: nothing is sent, and the connection is closed', async (t) => {
  const one = await scriptedServer(t, { answer: at('DATA', '354 Go on\r\n250 2.0.0 Ok: queued\r\n') })
  const connection = await connected(t, one)
  const [result] = await send(connection, attempt('a@x.example'))
  assert.equal(inWords(result), 'broken data')
  assert.equal(connection.isUsable(), false)
  assert.deepEqual(one.accepted, [])
})
