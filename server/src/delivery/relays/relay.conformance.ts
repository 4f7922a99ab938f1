import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildMessage, type MessageInput } from '@pigeon/mail/mime.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import type { ReceivedMail } from '@pigeon/server/test/relay-dialects.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { outcomeOf, type AttemptOutcome } from '#delivery/retry.ts'
import { mayFailOver } from '#delivery/routing/may-fail-over.ts'
import type { OutgoingMessage, SendResult, SendSession } from '#delivery/transport/transport.ts'
import type { Relay, RelayAlert } from './relay.ts'

/**
 * What the relay's own server does. `limit`: too many, for seven seconds where it can say so. `fail`: a fault of its own.
 * `deny`: our credentials. `mute`: takes the connection and says nothing. `cut`, `stall`: once it has the whole message.
 */
export type RelayBehaviour =
  | 'accept'
  | 'refuse'
  | 'limit'
  | 'fail'
  | 'deny'
  | 'mute'
  | 'closed'
  | 'cut'
  | 'stall'

/** A relay and its own server, which does what `behave` says of the n-th message. */
export interface RelayUnderTest {
  readonly relay: Relay
  /** The messages its server took. */
  received(): Promise<readonly ReceivedMail[]>
  /** How many whole messages its server got, whatever it said to them. */
  whole(): number
  /** How often its server was asked to take a message. */
  asked(): number
  readonly alerts: readonly RelayAlert[]
  /** What must not be seen anywhere. */
  readonly secret: string
}

export interface RelayTraits {
  /** Its server gives every message the id `relay-id-<n>`. */
  readonly open: (t: TestContext, behave: (n: number) => RelayBehaviour) => Promise<RelayUnderTest>
  /** Whether it can say when it wants to be asked again. */
  readonly saysWhen: boolean
}

const NOW = new Date('2026-03-01T12:00:00Z')
const CONTEXT = {
  provider: 'google',
  attempt: 1,
  lastClass: null,
  lastReply: null,
  now: NOW,
  expiresAt: new Date('2026-03-04T12:00:00Z'),
  plan: { firstMs: 300_000, maxMs: 3_600_000, absentAgainMs: 600_000 },
  random: () => 0.5,
}

/** What every relay promises: see `Relay` and `Transport`. */
export function relayConformance(name: string, traits: RelayTraits): void {
  const always =
    (behaviour: RelayBehaviour) =>
    (t: TestContext): Promise<RelayUnderTest> =>
      traits.open(t, () => behaviour)

  test(`${name}: what it takes is sent, with its id, over TLS or as told, and not delivered`, async (t) => {
    const { relay, received } = await always('accept')(t)
    const result = await send(relay, letter())
    const outcome = judged(result)
    assert.equal(outcome.type, 'sent', result.transcript)
    assert.match(outcome.reply ?? '', /relay-id-1/)
    assert.equal(mayFailOver(result), false)
    assert.equal(relay.health().state, 'healthy')
    assert.ok(result.endedAt.getTime() >= result.startedAt.getTime())
    assert.notEqual(result.transcript, '')
    assert.notEqual(result.mxHost, null)
    assert.equal((await received()).length, 1)
  })

  test(`${name}: subject, texts, headers and files arrive as they were written`, async (t) => {
    const { relay, received } = await always('accept')(t)
    const input = letter()
    assert.equal(judged(await send(relay, input)).type, 'sent')
    const [mail] = await received()
    assert.equal(mail?.rcptTo, 'zoe@receiver.example')
    assert.equal(mail.subject, input.subject)
    assert.equal(mail.text.trim().replace(/\r\n/g, '\n'), input.text)
    assert.equal(mail.html.trim(), input.html)
    assert.equal(mail.headers.get('message-id'), '<m-1@sender.example>')
    assert.equal(
      mail.headers.get('list-unsubscribe'),
      '<https://sender.example/u/1>, <mailto:u@sender.example>',
    )
    assert.equal(mail.headers.get('list-unsubscribe-post'), 'List-Unsubscribe=One-Click')
    assert.equal(mail.headers.get('feedback-id'), 'c:t:bulk:pigeon')
    assert.deepEqual(
      mail.attachments.map((one) => [one.filename, one.content.trim(), one.isInline]).toSorted(),
      [
        ['grüße 文.txt', 'Grüße', false],
        ['logo.png', 'not really a picture', true],
      ],
    )
  })

  test(`${name}: nobody but the recipient of the envelope gets the message`, async (t) => {
    const { relay, received } = await always('accept')(t)
    const to = [{ email: 'zoe@receiver.example' }, { email: 'other@receiver.example' }]
    await send(relay, { ...letter(), to, cc: [{ email: 'third@receiver.example' }] })
    assert.deepEqual(
      (await received()).map((mail) => mail.rcptTo),
      ['zoe@receiver.example'],
    )
  })

  test(`${name}: a message it will not send to the recipient is over, and it is healthy all the same`, async (t) => {
    const { relay } = await always('refuse')(t)
    const result = await send(relay, letter())
    const outcome = judged(result)
    assert.ok(['bounced', 'failed'].includes(outcome.type), outcome.type)
    assert.notEqual(outcome.class, null)
    assert.equal(mayFailOver(result), false)
    assert.equal(relay.health().state, 'healthy')
  })

  test(`${name}: a relay that says "too many" loses no message, and may be gone around`, async (t) => {
    const { relay, asked } = await always('limit')(t)
    const result = await send(relay, letter())
    const outcome = judged(result)
    assert.ok(['returned', 'deferred'].includes(outcome.type), outcome.type)
    assert.equal(outcome.inDoubt, false)
    assert.equal(mayFailOver(result), true)
    if (!traits.saysWhen) return
    const waitMs = Date.parse(outcome.retryAt ?? '') - NOW.getTime()
    assert.equal(outcome.type, 'returned')
    assert.ok(waitMs > 5_000 && waitMs < 12_000, `waits for ${waitMs} ms`)
    assert.equal(relay.capacity(), 0)
    assert.equal(judged(await send(relay, letter(2))).type, 'returned')
    assert.equal(asked(), 1)
  })

  test(`${name}: a fault of its own defers the message without doubt, and too many put it down`, async (t) => {
    const { relay, asked } = await always('fail')(t)
    const first = await send(relay, letter())
    assert.deepEqual([judged(first).type, judged(first).inDoubt], ['deferred', false])
    assert.equal(mayFailOver(first), true)
    for (let n = 2; n <= 8; n += 1) await send(relay, letter(n))
    assert.notEqual(relay.health().state, 'healthy')
    assert.ok(asked() <= 8)
  })

  test(`${name}: refused credentials are not the fault of the message: the relay is down, and somebody is told once`, async (t) => {
    const { relay, alerts, asked } = await always('deny')(t)
    const result = await send(relay, letter())
    assert.equal(judged(result).type, 'returned')
    assert.equal(mayFailOver(result), true)
    assert.equal(relay.health().state, 'down')
    assert.equal(relay.capacity(), 0)
    const before = asked()
    assert.equal(judged(await send(relay, letter(2))).type, 'returned')
    assert.equal(asked(), before)
    assert.deepEqual(
      alerts.map((alert) => [alert.relay, alert.kind]),
      [[relay.name, 'suspended']],
    )
  })

  for (const behaviour of ['closed', 'mute'] as const) {
    test(`${name}: a server that is ${behaviour} got nothing, so another source may`, async (t) => {
      const { relay } = await always(behaviour)(t)
      const result = await send(relay, letter())
      const outcome = judged(result)
      assert.ok(['deferred', 'returned'].includes(outcome.type), outcome.type)
      assert.equal(outcome.inDoubt, false)
      assert.equal(mayFailOver(result), true)
      assert.notEqual(relay.health().state, 'healthy')
    })
  }

  for (const behaviour of ['cut', 'stall'] as const) {
    test(`${name}: ${behaviour} after the whole message is in doubt: no other source gets it`, async (t) => {
      const { relay, whole } = await always(behaviour)(t)
      const result = await send(relay, letter())
      assert.deepEqual([judged(result).type, judged(result).inDoubt], ['deferred', true], result.transcript)
      assert.equal(mayFailOver(result), false)
      assert.equal(whole(), 1)
    })
  }

  test(`${name}: a message whose journal fails does not leave`, async (t) => {
    const { relay, whole } = await always('accept')(t)
    const result = await send(relay, letter(), () => Promise.reject(new Error('the disk is full')))
    assert.equal(judged(result).type, 'returned')
    assert.equal(mayFailOver(result), false)
    assert.equal(whole(), 0)
  })

  test(`${name}: many at once arrive once each, and the journal is asked once for each`, async (t) => {
    const { relay, received } = await always('accept')(t)
    let dots = 0
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        send(relay, letter(n), async () => {
          dots += 1
        }),
      ),
    )
    assert.deepEqual(new Set(results.map((one) => judged(one).type)), new Set(['sent']))
    assert.equal(dots, 30)
    const ids = (await received()).map((mail) => mail.headers.get('message-id'))
    assert.equal(new Set(ids).size, 30)
    assert.equal(ids.length, 30)
  })

  test(`${name}: closing lets what has begun end, and takes nothing new`, async (t) => {
    const { relay, received } = await always('accept')(t)
    const journal = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const begun = send(relay, letter(), () => {
      reached.resolve()
      return journal.promise
    })
    await reached.promise
    const closed = relay.close(20_000)
    assert.equal(judged(await send(relay, letter(2))).type, 'returned')
    journal.resolve()
    assert.equal(judged(await begun).type, 'sent')
    await closed
    assert.equal((await received()).length, 1)
    assert.equal(relay.capacity(), 0)
  })

  test(`${name}: its secrets are in no transcript, error, reply, health or alert`, async (t) => {
    for (const behaviour of ['accept', 'deny', 'closed', 'cut'] as const) {
      const { relay, alerts, secret } = await always(behaviour)(t)
      const result = await send(relay, letter())
      const seen = JSON.stringify([result, judged(result), relay.health(), alerts])
      assert.ok(!seen.includes(secret), `${behaviour}: ${seen}`)
    }
  })

  test(`${name}: a relay that works again is healthy again`, async (t) => {
    const one = await traits.open(t, (n) => (n === 1 ? 'fail' : 'accept'))
    assert.equal(judged(await send(one.relay, letter())).type, 'deferred')
    const result = await waitFor('a message to be sent', async () => {
      const again = await send(one.relay, letter(2))
      return judged(again).type === 'sent' && again
    })
    assert.equal(mayFailOver(result), false)
    assert.equal(one.relay.health().state, 'healthy')
  })
}

function letter(n = 1): MessageInput & { readonly text: string; readonly html: string } {
  return {
    from: { name: 'Pigeon Post', email: 'news@sender.example' },
    to: { name: 'Zoë Müller', email: 'zoe@receiver.example' },
    replyTo: { email: 'hello@sender.example' },
    subject: `Grüße aus Gdańsk 🕊️ ${n}`,
    date: NOW,
    messageId: `<m-${n}@sender.example>`,
    headers: [
      ['List-Unsubscribe', '<https://sender.example/u/1>, <mailto:u@sender.example>'],
      ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
      ['Feedback-ID', 'c:t:bulk:pigeon'],
    ],
    text: 'Grüße,\n.a line with a dot\nZoë',
    html: '<p>Grüße <img src="cid:logo@pigeon"></p>',
    attachments: [
      {
        filename: 'logo.png',
        contentType: 'image/png',
        content: Buffer.from('not really a picture'),
        cid: 'logo@pigeon',
      },
      { filename: 'grüße 文.txt', contentType: 'text/plain', content: Buffer.from('Grüße') },
    ],
  }
}

function send(
  relay: Relay,
  input: MessageInput,
  beforeFinalDot: OutgoingMessage['beforeFinalDot'] = () => Promise.resolve(),
): Promise<SendResult & SendSession> {
  return relay.send(
    { lane: 'google', ehloName: 'mail.sender.example' },
    {
      mailFrom: 'bounces+1@sender.example',
      rcptTo: 'zoe@receiver.example',
      data: dotStuff(buildMessage(input)),
      beforeFinalDot,
    },
  )
}

function judged(result: SendResult): AttemptOutcome {
  return outcomeOf(result, CONTEXT)
}
