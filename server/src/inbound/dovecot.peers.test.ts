/** Collection over IMAP from a real Dovecot. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { unsubscribeAddress } from '@pigeon/mail/unsubscribe-address.ts'
import { silentLog } from '@pigeon/server/test/factories.ts'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { DOVECOT_PASSWORD, startDovecot } from '@pigeon/server/test/peers/dovecot.ts'
import { complaint, notDelivered } from '@pigeon/server/test/returned-mails.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { systemClock } from '#platform/clock.ts'
import { uuidv7 } from '#platform/ids.ts'
import { bounceKey, returnPath } from '#tracking/bounce-address.ts'
import { collectImap, runImapCollection, type CollectDeps, type ImapMailbox } from './collect-imap.ts'
import { readInboundAddress } from './inbound-address.ts'
import { readNews, type News } from './read-news.ts'
import type { InboundMail } from './take-in.ts'

const MAX_BYTES = 20_000
const WITHIN_MS = 60_000
const keys = { derive: (purpose: string) => Buffer.alloc(32, purpose) }
const identity = { verp: bounceKey(keys), unsubscribe: keys.derive('unsubscribe') }
const senderOf = returnPath({ keys, mailbox: 'bounces', domain: undefined })
const NOWHERE = { domain: undefined, complaintAddresses: new Set<string>(), replyDomains: new Set<string>() }
const NEVER = new AbortController().signal

/** Dovecot with a mailbox, and who collects from it. */
async function room(t: TestContext) {
  const dovecot = await startDovecot(t)
  const news: News[] = []
  const fate = { fails: false }
  const deps: CollectDeps = {
    clock: systemClock,
    log: silentLog,
    readAddress: (address) => readInboundAddress(identity, NOWHERE, address),
    takeIn: async ({ content, recipients, via }: InboundMail) => {
      if (fate.fails) throw new Error('The disk is full.')
      const mail = readReturnedMail(content)
      for (const { to } of recipients)
        news.push(readNews(identity, { content, mail, to, via, at: systemClock.now() }))
    },
  }
  const mailbox: ImapMailbox = {
    host: 'localhost',
    port: dovecot.port,
    tls: 'implicit',
    user: 'bounces',
    password: DOVECOT_PASSWORD,
    folder: 'INBOX',
    maxBytes: MAX_BYTES,
    ca: dovecot.ca,
  }
  return { dovecot, deps, news, fate, mailbox, deliver: (text: string) => dovecot.deliver('bounces', text) }
}

function told(news: readonly News[]) {
  return news.map((each) => {
    if (each.kind === 'told')
      return [each.event.type, each.event.messageId, each.event.type === 'bounced' && each.event.via]
    return each.kind === 'unsubscribe' ? [each.kind, each.messageId] : [each.kind, each.why]
  })
}

test('bounces, complaints and unsubscriptions in a mailbox are collected once, over TLS of either kind', async (t) => {
  const { dovecot, deps, news, mailbox, deliver } = await room(t)
  const [inEnvelope, inOriginal, complained, unwanted] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()]
  const report = notDelivered({ recipient: 'ann@receiver.example' })
  await deliver(`Delivered-To: ${senderOf(inEnvelope, 'sender.example')}\r\n${report}`)
  const original = `Return-Path: <${senderOf(inOriginal, 'sender.example')}>`
  await deliver(notDelivered({ recipient: 'bob@receiver.example', fields: original }))
  assert.equal(await collectImap(deps, mailbox, NEVER), 2)
  await deliver(complaint({ fields: `Return-Path: <${senderOf(complained, 'sender.example')}>` }))
  await deliver(
    `To: ${unsubscribeAddress(identity.unsubscribe, unwanted, 'sender.example')}\r\n\r\nStop.\r\n`,
  )
  await deliver(`Subject: large\r\n\r\n${'Much too much.\r\n'.repeat(MAX_BYTES / 10)}`)
  const plain: ImapMailbox = { ...mailbox, port: dovecot.plainPort, tls: 'starttls' }
  assert.equal(await collectImap(deps, plain, NEVER), 3)
  assert.equal(await collectImap(deps, mailbox, NEVER), 0)
  assert.deepEqual(told(news), [
    ['bounced', inEnvelope, 'imap'],
    ['bounced', inOriginal, 'imap'],
    ['complained', complained, false],
    ['unsubscribe', unwanted],
  ])
  const names = await dovecot.mails('bounces')
  assert.equal(names.length, 5)
  for (const name of names) assert.match(name, /:2,S$/)
})

test('what could not be stored stays unseen and is collected later, when the mailbox is looked into again', async (t) => {
  const { deps, news, fate, mailbox, deliver } = await room(t)
  const messageId = uuidv7()
  await deliver(
    `Delivered-To: ${senderOf(messageId, 'a.example')}\r\n${notDelivered({ recipient: 'a@b.example' })}`,
  )
  fate.fails = true
  await assert.rejects(collectImap(deps, mailbox, NEVER), /The disk is full/)
  fate.fails = false
  const clock = manualClock()
  const stopping = new AbortController()
  const running = runImapCollection({ ...deps, clock }, mailbox, 60_000, stopping.signal)
  await waitFor('the bounce', () => news.length === 1, WITHIN_MS)
  stopping.abort()
  await running
  assert.deepEqual(told(news), [['bounced', messageId, 'imap']])
})

test('a wrong password, a certificate that nobody trusts and a server that is away reject', async (t) => {
  const { deps, mailbox } = await room(t)
  await assert.rejects(collectImap(deps, { ...mailbox, password: 'wrong' }, NEVER))
  const { ca: _, ...distrusting } = mailbox
  await assert.rejects(collectImap(deps, distrusting, NEVER), /certificate/)
  await assert.rejects(collectImap(deps, { ...mailbox, port: 1 }, NEVER), /ECONNREFUSED/)
})
