/** Bounces that a real Postfix makes and sends back to us: whose they are, and what they say. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { deliverMail } from '@pigeon/server/test/deliver-mail.ts'
import { silentLog } from '@pigeon/server/test/factories.ts'
import { MAILBOX_DOMAIN, startPostfix } from '@pigeon/server/test/peers/postfix.ts'
import { createTestCertificate } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import type { BouncedFeedback } from '#events/feedback-events.ts'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { bounceKey, returnPath } from '#tracking/bounce-address.ts'
import { readInboundAddress } from './inbound-address.ts'
import { readNews } from './read-news.ts'
import { startInboundSmtp } from './start-inbound-smtp.ts'
import type { InboundMail } from './take-in.ts'

const DOMAIN = 'in.example'
/** tcpmux (RFC 1078): nothing listens there. */
const CLOSED_PORT = 1
const BOUNCES_WITHIN_MS = 60_000
const keys = { derive: (purpose: string) => Buffer.alloc(32, purpose) }
const identity = { verp: bounceKey(keys), unsubscribe: keys.derive('unsubscribe') }
const senderOf = returnPath({ keys, mailbox: 'bounces', domain: DOMAIN })

/** Our server, and a list of the bounces that it has read. */
async function startOurs(t: TestContext) {
  const bounces: BouncedFeedback[] = []
  const places = { domain: DOMAIN, complaintAddresses: new Set<string>(), replyDomains: new Set<string>() }
  const takeIn = async ({ content, recipients, via }: InboundMail) => {
    const mail = readReturnedMail(content)
    for (const { to } of recipients) {
      const news = readNews(identity, { content, mail, to, via, at: systemClock.now() })
      if (news.kind === 'told' && news.event.type === 'bounced') bounces.push(news.event)
    }
  }
  const server = await startInboundSmtp(
    {
      clock: systemClock,
      log: silentLog,
      readAddress: (each) => readInboundAddress(identity, places, each),
      takeIn,
    },
    {
      host: '127.0.0.1',
      port: 0,
      name: DOMAIN,
      maxBytes: 1_000_000,
      maxConnections: 10,
      connectionsPerAddress: 10,
      mailsPerMinute: 100,
      tls: createTestCertificate(DOMAIN),
      idleMs: 60_000,
      sessionMs: 60_000,
    },
  )
  t.after(() => server.stop())
  return { port: server.port, bounces }
}

test('an unknown user, a full mailbox and a message that expired come back as bounces of their messages', async (t) => {
  const ours = await startOurs(t)
  const accepts = 'smtpd_relay_restrictions = permit_mynetworks, reject'
  const postfix = await startPostfix(
    t,
    {
      relay: [accepts, 'smtpd_reject_unlisted_recipient = no'],
      full: [
        accepts,
        'smtpd_recipient_restrictions = check_recipient_access inline:{ { full@full.example = 552 5.2.2 Mailbox is full } }',
      ],
    },
    {},
    (ports) => ({
      transport_maps: `inline:{ ${DOMAIN}=smtp:[127.0.0.1]:${ours.port}, full.example=smtp:[127.0.0.1]:${ports.full}, closed.example=smtp:[127.0.0.1]:${CLOSED_PORT} }`,
      // A message is tried once.
      maximal_queue_lifetime: '0',
    }),
  )
  const letter = `From: news@sender.example\r\nSubject: News\r\n\r\n${'Some news of today.\r\n'.repeat(50)}`
  const send = async (recipient: string): Promise<string> => {
    const messageId = uuidv7()
    const from = senderOf(messageId, 'sender.example')
    const reply = await deliverMail({ port: postfix.ports.relay, from, to: recipient, content: letter })
    assert.match(reply, /^250 /)
    return messageId
  }
  const unknown = await send(`nobody@${MAILBOX_DOMAIN}`)
  const expired = await send('reader@closed.example')
  const full = await send('full@full.example')
  await waitFor('three bounces', () => ours.bounces.length >= 3, BOUNCES_WITHIN_MS).catch(
    async (error: unknown) => {
      throw new Error(`The log of Postfix:\n${await postfix.log()}`, { cause: error })
    },
  )
  t.diagnostic(JSON.stringify(ours.bounces.map((each) => [each.class, each.enhanced, each.reply])))
  const of = (id: string) => {
    const found = ours.bounces.filter(({ messageId }) => messageId === id)
    return found.map((each) => [each.class, each.isHard, each.reportingMta])
  }
  assert.deepEqual(of(unknown), [['unknown_user', true, 'mx.inbox.example']])
  assert.deepEqual(of(full), [['mailbox_full', false, 'mx.inbox.example']])
  assert.deepEqual(of(expired), [['network', false, 'mx.inbox.example']])
})
