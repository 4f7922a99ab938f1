import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { sql } from 'kysely'
import { EMAIL_FEEDBACK } from '#events/email-events.ts'
import type { FeedbackEvent, FeedbackPayload } from '#events/feedback-events.ts'
import { systemClock } from '#platform/clock.ts'
import { bounceKey, returnPath } from '#tracking/bounce-address.ts'
import { keys, mailbox } from '#tracking/mailbox-test-room.ts'
import type { UnsubscribedEvent } from '#tracking/unsubscribe.ts'
import { unsubscribeAddress } from '@pigeon/mail/unsubscribe-address.ts'
import { silentLog, testStream } from '@pigeon/server/test/factories.ts'
import { readInboundAddress } from './inbound-address.ts'
import { deleteReturnedMails } from './inbound.store.ts'
import { autoReply, complaint, notDelivered } from '@pigeon/server/test/returned-mails.ts'
import { takeIn, type TakeInDeps } from './take-in.ts'

const PLACES = {
  domain: 'in.example',
  complaintAddresses: new Set<string>(),
  replyDomains: new Set(['replies.example']),
}

/** A message to Ann, and what comes back of it. */
async function room(t: TestContext) {
  const { database, messageId, tenantId, standing } = await mailbox(t)
  const stream = await testStream(t, database)
  const unsubscribed: UnsubscribedEvent[] = []
  const deps: TakeInDeps = {
    keys: { verp: bounceKey(keys), unsubscribe: createSecretKey(keys.derive('unsubscribe')) },
    db: database.engine,
    tenants: database.api,
    stream,
    clock: systemClock,
    log: silentLog,
    appendEvent: async (_transaction, event) => void unsubscribed.push(event),
  }
  const deliver = async (text: string, ...addresses: readonly string[]) => {
    const recipients = addresses.flatMap((address) => {
      const to = readInboundAddress(deps.keys, PLACES, address)
      return to === undefined || to === 'forged' ? [] : [{ address, to }]
    })
    return takeIn(deps, { content: Buffer.from(text), mailFrom: '', recipients, via: 'smtp' })
  }
  const heard = async (): Promise<FeedbackEvent[]> => {
    const records = await stream.read(EMAIL_FEEDBACK, 'record', { maxRecords: 100 })
    return records.flatMap(({ payload }) => [...(payload as FeedbackPayload).events])
  }
  const kept = async () =>
    (
      await sql<{ why: string; recipients: string[]; text: string }>`
        select why, recipients, convert_from(content, 'UTF8') as text from returned_mails order by received_at, why`.execute(
        database.engine,
      )
    ).rows
  const bounceAddress = returnPath({ keys, mailbox: 'bounces', domain: 'in.example' })(messageId, 'b.com')
  return { database, deps, deliver, heard, kept, standing, unsubscribed, messageId, tenantId, bounceAddress }
}

test('what a mail tells is in the stream when it is taken, and the same mail has the same id', async (t) => {
  const { deliver, heard, kept, bounceAddress, messageId } = await room(t)
  const text = notDelivered({ recipient: 'Ann@example.com' })
  await deliver(text, bounceAddress)
  await deliver(text, bounceAddress)
  await deliver(complaint({ fields: `Return-Path: <${bounceAddress}>` }), 'abuse@in.example')
  await deliver(autoReply(), bounceAddress)
  const events = await heard()
  assert.deepEqual(
    events.map((event) => [event.type, event.messageId]),
    [
      ['bounced', messageId],
      ['bounced', messageId],
      ['complained', messageId],
    ],
  )
  assert.equal(events[0]?.id, events[1]?.id)
  assert.deepEqual(await kept(), [])
})

test('a mail to the address in List-Unsubscribe takes Ann off the list, once', async (t) => {
  const { deliver, deps, standing, unsubscribed, messageId, tenantId } = await room(t)
  const address = unsubscribeAddress(deps.keys.unsubscribe, messageId, 'in.example')
  for (let i = 0; i < 2; i += 1) await deliver('From: Ann@example.com\r\n\r\n', address)
  assert.equal((await standing()).subscriptions[0], 'unsubscribed')
  assert.deepEqual(
    unsubscribed.map((event) => [event.tenantId, event.messageId]),
    [[tenantId, messageId]],
  )
  // A message that is gone has nobody to take off.
  await deliver('\r\n', unsubscribeAddress(deps.keys.unsubscribe, tenantId, 'in.example'))
  assert.equal(unsubscribed.length, 1)
})

test('replies and what cannot be understood are kept once, for some time and up to a number', async (t) => {
  const { deliver, heard, kept, bounceAddress, database } = await room(t)
  const reply = 'From: Ann@example.com\r\nSubject: Hi\r\n\r\nThanks!\r\n'
  for (let i = 0; i < 2; i += 1) await deliver(reply, 'team@replies.example', 'news@replies.example')
  await deliver('Subject: ?\r\n\r\n\r\n', bounceAddress)
  await deliver(complaint({}), 'abuse@in.example')
  assert.deepEqual(await heard(), [])
  const all = await kept()
  assert.deepEqual(
    all.map(({ why }) => why),
    ['reply', 'unknown', 'unnamed'],
  )
  assert.deepEqual(
    [all[0]?.recipients, all[0]?.text],
    [['team@replies.example', 'news@replies.example'], reply],
  )
  assert.equal(await deleteReturnedMails(database.engine, new Date(0), 2), 1)
  assert.deepEqual(
    (await kept()).map(({ why }) => why),
    ['unknown', 'unnamed'],
  )
  assert.equal(await deleteReturnedMails(database.engine, new Date(Date.now() + 1000), 2), 2)
})
