import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { failuresOnly } from '@pigeon/mail/smtp-dsn.ts'
import {
  startScriptedSmtp,
  type ScriptedAnswer,
  type ScriptedEvent,
  type ScriptedVerb,
} from '@pigeon/server/test/scripted-smtp.ts'
import { attempt, dial, inWords, sendAgain, SHORT, type Attempt } from '@pigeon/server/test/smtp-dialing.ts'

/** Another seed makes other servers: PIGEON_TEST_SEED. */
const SEED = process.env.PIGEON_TEST_SEED ?? '1'
const SERVERS = 400
const AT_A_TIME = 40
const MESSAGES = 4
/** Every step of every message at its deadline, and much more: what takes longer hangs. */
const HANG_MS = 20_000
/** Of a hundred answers so many are not the usual one. */
const ODD = 18

const CODES = [
  200, 211, 220, 250, 251, 252, 299, 334, 354, 421, 450, 451, 452, 455, 499, 500, 503, 550, 552, 554, 555,
  599,
]

const OFFERS = ['PIPELINING', 'SIZE 10000000', 'CHUNKING', '8BITMIME', 'SMTPUTF8', 'DSN', 'AUTH PLAIN LOGIN']

const LOGIN = { user: 'pigeon', kind: 'password', secret: 'correct horse' } as const

/** The same numbers for the same words. */
function numbers(words: string): (below: number) => number {
  let drawn = 0
  return (below) => {
    drawn += 1
    return createHash('sha256').update(`${SEED} ${words} ${drawn}`).digest().readUInt32BE() % below
  }
}

function oddAnswer(verb: ScriptedVerb, isChunking: boolean, draw: (below: number) => number): ScriptedAnswer {
  const drawn = CODES[draw(CODES.length)] ?? 250
  // A server that praises a chunk and then reads it as commands cannot be seen through either.
  const code = verb === 'BDAT' && drawn < 300 ? 502 : drawn
  switch (draw(14)) {
    case 0:
      return { do: 'cut' }
    case 1:
      return { do: 'stall' }
    case 2:
      return { say: `${code < 400 ? 421 : code} going\r\n`, do: 'cut' }
    case 3:
      return `${code}-one\r\n${code}-\r\n${code} three\r\n`
    case 4:
      return `${code}-one\r\n${(code % 400) + 200} two\r\n`
    case 5:
      return `${code} ${'x'.repeat(1_000_000)}\r\n`
    case 6:
      return `${code}\n`
    case 7:
      return `${code} half a li`
    case 8:
      return 'this is no reply\r\n'
    case 9:
      return '\u0000\u00ff\r\n'
    case 10:
      return `${code}-${'line\r\n'.repeat(3)}`
    case 11:
      // Before content that is not there yet it would be a lie that nobody can see through; only DATA has its 354, by
      // which replies that are out of step are seen.
      return isChunking || verb === 'DATA'
        ? `${code} one\r\n`
        : `${code} one\r\n${CODES[draw(CODES.length)]} more\r\n`
    default:
      return `${code} as you like\r\n`
  }
}

/** Whether the recipient can rely on it. */
function isDelivered(one: Attempt): boolean {
  const [result] = one.results
  return (
    result?.kind === 'reply' && result.phase === 'dot' && result.reply.code >= 200 && result.reply.code < 300
  )
}

/** Whether the next try may bring a second copy, and the result says so: neither yes nor no after the dot is no answer. */
function isInDoubt(one: Attempt): boolean {
  const [result] = one.results
  if (result?.kind === 'reply') return result.phase === 'dot' && result.reply.code < 400
  return result !== undefined && 'dotSent' in result && result.dotSent
}

async function judge(nth: number): Promise<void> {
  const draw = numbers(`server ${nth}`)
  const heard: string[] = []
  const extensions = OFFERS.filter(() => draw(10) < 7)
  const server = await startScriptedSmtp({
    ...(draw(3) === 0 ? { chunkOctets: 1 + draw(7) } : {}),
    extensions,
    answer: (event: ScriptedEvent) => {
      // A server that took a chunk does not read the next one as commands.
      const isOdd = draw(100) < ODD && (event.verb !== 'BDAT' || event.count === 1)
      const said = isOdd ? oddAnswer(event.verb, extensions.includes('CHUNKING'), draw) : undefined
      heard.push(`${event.verb}${said === undefined ? '' : ` ${JSON.stringify(said).slice(0, 60)}`}`)
      return said
    },
  })
  const attempts = Array.from({ length: MESSAGES }, (_, n) =>
    attempt(`${draw(5) === 0 ? 'é' : 'r'}${n}@x.example`, { dsn: failuresOnly(`${n}`) }),
  )
  try {
    const isLoggedIn = extensions.some((each) => each.startsWith('AUTH')) && draw(2) === 0
    const opened = await dial(server, { timeouts: SHORT, ...(isLoggedIn && { auth: LOGIN }) })
    // Whoever logs in is let in by 235 alone.
    const letIn = heard.some((each) => each === 'AUTH' || each.startsWith('AUTH "235'))
    if (isLoggedIn && opened.kind === 'open') assert.ok(letIn, heard.join(', '))
    if (opened.kind === 'open') {
      await sendAgain(opened.connection, ...attempts)
      opened.connection.destroy('the test is over')
    }
    // An empty message ends a DATA that should not have been accepted (RFC 2920, 3.1).
    const whole = server.accepted.filter((each) => each.content !== '')
    const accepted = new Set(whole.flatMap((each) => each.rcptTo))
    for (const one of attempts) {
      const where = `server ${nth}, ${one.message.rcptTo}: ${inWords(one.results[0])}, given back ${one.givenBack}; ${heard.join(', ')}`
      assert.ok(one.results.length <= 1, `more than one end: ${where}`)
      if (accepted.has(one.message.rcptTo)) assert.ok(isDelivered(one) || isInDoubt(one), `taken: ${where}`)
      else assert.ok(!isDelivered(one), `not taken: ${where}`)
      const named = server.heard.some((line) => line.includes(`<${one.message.rcptTo}>`))
      if (named && one.message.rcptTo.startsWith('é')) assert.ok(extensions.includes('SMTPUTF8'), where)
    }
  } finally {
    await server.close()
  }
}

test('whatever a server says, no message is called delivered that it did not take, and none is sent twice', async (t) => {
  const timer = setTimeout(() => assert.fail('a conversation hangs'), HANG_MS * (SERVERS / AT_A_TIME))
  t.after(() => clearTimeout(timer))
  for (let first = 0; first < SERVERS; first += AT_A_TIME)
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, n) => judge(first + n)))
})
