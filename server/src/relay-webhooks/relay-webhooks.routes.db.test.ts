import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import { LONG_AGO, silentLog } from '@pigeon/server/test/factories.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { createLoneCertificate } from '@pigeon/server/test/test-certificates.ts'
import { registerRelayWebhooks } from './relay-webhooks.routes.ts'

const MESSAGE = '01990000-0000-7000-8000-00000000abcd'
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:ses-feedback'
const CERTIFICATE_URL = 'https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem'
const DAY = 86_400_000

type Headers = Record<string, string>

async function room() {
  const appended: FeedbackEvent[] = []
  const fetched: string[] = []
  const amazon = createLoneCertificate(['sns.amazonaws.com'])
  const api = await testApi({
    register: (app, deps) =>
      registerRelayWebhooks(app, {
        ...deps,
        log: silentLog,
        publicUrl: 'https://mail.example.com',
        appendFeedback: async (events) => void appended.push(...events),
        fetchFromAmazon: async (url) => {
          fetched.push(url.href)
          return amazon.cert
        },
      }),
  })
  const { token } = await api.signUp()
  const sourceOf = async (kind: string): Promise<string> => {
    const { rows } = await sql<{ id: string }>`
      insert into sources (name, kind, relay_kind, relay_config, created_at, updated_at)
      values (${kind}, 'relay', ${kind}, '{}', ${LONG_AGO}, ${LONG_AGO}) returning id`.execute(
      api.database.admin,
    )
    return rows[0]?.id ?? ''
  }
  const setUp = async (kind: string, verification: string | null) => {
    const id = await sourceOf(kind)
    const reply = await api.call('PUT', `/v1/sources/${id}/webhook`, { token, body: { verification } })
    assert.equal(reply.statusCode, 200, reply.body)
    const url = new URL(reply.json().url)
    const tell = async (body: string, headers: Headers = {}) => {
      const answer = await api.app.inject({
        method: 'POST',
        url: url.pathname,
        headers: { 'content-type': 'application/json', ...headers },
        payload: body,
      })
      return answer.statusCode
    }
    return { id, url, tell }
  }
  const now = (): number => api.clock.now().getTime()
  return { ...api, token, appended, fetched, amazon, setUp, sourceOf, now }
}

test('SendGrid: what is signed with its key is told on, once each, and nothing that was changed or is old', async () => {
  const { setUp, appended, now } = await room()
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const publicKey = keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64')
  const { tell } = await setUp('sendgrid', publicKey)
  const seconds = Math.floor(now() / 1000)
  const signed = (body: string, at: number): Headers => ({
    'x-twilio-email-event-webhook-timestamp': String(at),
    'x-twilio-email-event-webhook-signature': sign(
      'sha256',
      Buffer.from(at + body),
      keys.privateKey,
    ).toString('base64'),
  })
  const event = (more: object) => ({
    email: 'a@b.example',
    timestamp: seconds,
    pigeon_message: MESSAGE,
    ...more,
  })
  const body = JSON.stringify([
    event({
      event: 'bounce',
      type: 'bounce',
      status: '5.1.1',
      reason: '550 5.1.1 No such user',
      sg_event_id: '1',
    }),
    event({ event: 'bounce', type: 'blocked', reason: '550 5.7.1 Blocked', sg_event_id: '2' }),
    event({ event: 'dropped', reason: 'Bounced Address', sg_event_id: '3' }),
    event({ event: 'spamreport', sg_event_id: '4' }),
    event({ event: 'delivered', sg_event_id: '5' }),
    { event: 'bounce', sg_event_id: '6', timestamp: seconds, 'smtp-id': '<other@elsewhere.example>' },
    { event: 'spamreport', sg_event_id: '7', timestamp: seconds, 'smtp-id': `<${MESSAGE}@sender.example>` },
  ])
  assert.equal(await tell(body, signed(body, seconds)), 204)
  assert.deepEqual(
    appended.map((each) =>
      each.type === 'bounced' ? [each.class, each.isHard, each.code, each.enhanced] : each.type,
    ),
    [
      ['unknown_user', true, 550, '5.1.1'],
      ['policy', false, 550, '5.7.1'],
      ['inactive', true, null, null],
      'complained',
      'complained',
    ],
  )
  assert.ok(appended.every((each) => each.messageId === MESSAGE && each.tenantId === null))
  const ids = appended.map((each) => each.id)
  await tell(body, signed(body, seconds))
  assert.deepEqual(
    appended.slice(5).map((each) => each.id),
    ids,
    'told again it has the same ids',
  )
  assert.equal(new Set(ids).size, 5)
  assert.equal(await tell(`${body} `, signed(body, seconds)), 403)
  const old = seconds - 2 * 86_400
  assert.equal(await tell(body, signed(body, old)), 403)
  assert.equal(appended.length, 10)
})

test('Mailgun: permanent failures and complaints that its key has signed', async () => {
  const { setUp, appended, now } = await room()
  const { tell } = await setUp('mailgun', 'signing-key')
  const timestamp = String(Math.floor(now() / 1000))
  const signature = (key: string) => ({
    timestamp,
    token: 'abc',
    signature: createHmac('sha256', key).update(`${timestamp}abc`).digest('hex'),
  })
  const event = (more: object, key = 'signing-key') =>
    JSON.stringify({
      signature: signature(key),
      'event-data': {
        id: 'e1',
        timestamp: Number(timestamp) + 0.5,
        message: { headers: { 'message-id': `${MESSAGE}@sender.example` } },
        ...more,
      },
    })
  const failed = {
    event: 'failed',
    severity: 'permanent',
    reason: 'bounce',
    'delivery-status': { code: 550, message: '5.2.2 Mailbox full', 'mx-host': 'mx.example.com' },
  }
  assert.equal(await tell(event(failed)), 204)
  assert.equal(await tell(event({ ...failed, severity: 'temporary' })), 204)
  assert.equal(await tell(event({ event: 'complained', id: 'e2' })), 204)
  assert.equal(await tell(event(failed, 'another-key')), 403)
  assert.deepEqual(
    appended.map((each) =>
      each.type === 'bounced' ? [each.class, each.isHard, each.reportingMta] : each.type,
    ),
    [['mailbox_full', true, 'mx.example.com'], 'complained'],
  )
})

test('Postmark: who has the user and password of the address is believed', async () => {
  const { setUp, appended } = await room()
  const { tell, url } = await setUp('postmark', null)
  const authorization = `Basic ${Buffer.from(`${url.username}:${url.password}`).toString('base64')}`
  const bounce = (more: object) =>
    JSON.stringify({ ID: 42, Metadata: { 'pigeon-message': MESSAGE }, ...more })
  const hard = bounce({
    RecordType: 'Bounce',
    Type: 'HardBounce',
    Details: 'smtp;550 5.1.1 unknown user',
    BouncedAt: '2026-01-01T00:00:00Z',
  })
  assert.equal(await tell(hard, { authorization }), 204)
  assert.equal(await tell(bounce({ RecordType: 'SpamComplaint' }), { authorization }), 204)
  assert.equal(await tell(bounce({ RecordType: 'Open' }), { authorization }), 204)
  assert.equal(await tell(hard), 403)
  const [first, second, ...others] = appended
  assert.ok(first?.type === 'bounced' && second?.type === 'complained' && others.length === 0)
  assert.deepEqual(
    [first.class, first.isHard, first.enhanced, first.at],
    ['unknown_user', true, '5.1.1', '2026-01-01T00:00:00.000Z'],
  )
})

test('SES: messages of its topic that Amazon has signed; a subscription is confirmed at Amazon alone', async () => {
  const { setUp, appended, fetched, amazon, now } = await room()
  const { tell } = await setUp('ses', TOPIC)
  const notification = (message: object, more: Record<string, string> = {}) => {
    const fields: Record<string, string> = {
      Message: JSON.stringify(message),
      MessageId: 'm1',
      Timestamp: new Date(now()).toISOString(),
      TopicArn: TOPIC,
      Type: 'Notification',
      ...more,
    }
    const content = Object.keys(fields)
      .sort()
      .map((name) => `${name}\n${fields[name]}\n`)
      .join('')
    const Signature = sign('sha256', Buffer.from(content), amazon.key).toString('base64')
    return { ...fields, SignatureVersion: '2', SigningCertURL: CERTIFICATE_URL, Signature }
  }
  const post = (message: object) =>
    tell(JSON.stringify(message), { 'content-type': 'text/plain; charset=UTF-8' })
  const mail = { headers: [{ name: 'Message-ID', value: `<${MESSAGE}@sender.example>` }] }
  const bounce = {
    notificationType: 'Bounce',
    mail,
    bounce: {
      bounceType: 'Permanent',
      bounceSubType: 'General',
      feedbackId: 'f1',
      timestamp: '2026-01-01T00:00:00.000Z',
      reportingMTA: 'dns; mx.example.com',
      bouncedRecipients: [{ status: '5.1.1', diagnosticCode: 'smtp; 550 5.1.1 user unknown' }],
    },
  }
  const complaint = {
    eventType: 'Complaint',
    mail: { tags: { pigeon_message: [MESSAGE] } },
    complaint: { feedbackId: 'f2', complaintFeedbackType: 'abuse', userAgent: 'Yahoo!' },
  }
  assert.equal(await post(notification(bounce)), 204)
  assert.equal(await post(notification(complaint)), 204)
  const [first, second] = appended
  assert.ok(first?.type === 'bounced' && second?.type === 'complained')
  assert.deepEqual(
    [first.class, first.isHard, first.code, first.reportingMta, second.reporter],
    ['unknown_user', true, 550, 'mx.example.com', 'Yahoo!'],
  )
  const genuine = notification(bounce)
  const refused = {
    changed: { ...genuine, Message: '{}' },
    'of another topic': notification(bounce, { TopicArn: `${TOPIC}-2` }),
    'two days old': notification(bounce, { Timestamp: new Date(now() - 2 * DAY).toISOString() }),
    unsigned: { ...genuine, Signature: '' },
  }
  for (const [how, message] of Object.entries(refused)) assert.equal(await post(message), 403, how)
  const asked = fetched.length
  for (const host of ['sns.eu-west-1.amazonaws.com.evil.example', 's3.amazonaws.com', '169.254.169.254'])
    assert.equal(await post({ ...genuine, SigningCertURL: `https://${host}/x.pem` }), 403, host)
  assert.equal(fetched.length, asked, 'nothing is fetched from elsewhere')

  const confirm = (SubscribeURL: string) =>
    post(notification({}, { Type: 'SubscriptionConfirmation', Token: 't', SubscribeURL }))
  assert.equal(await confirm('https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription'), 204)
  assert.equal(fetched.at(-1), 'https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription')
  assert.equal(await confirm('http://localhost/?Action=ConfirmSubscription'), 403)
  assert.equal(appended.length, 2)
})

test('the address of a relay is made for its source, and what is wrong is refused', async () => {
  const { setUp, sourceOf, call, token, app } = await room()
  const { id, url } = await setUp('mailgun', 'key')
  assert.match(url.href, /^https:\/\/mail\.example\.com\/v1\/relay-webhooks\/[\w-]{35}$/)
  const read = await call('GET', `/v1/sources/${id}/webhook`, { token })
  assert.deepEqual(
    [read.json().has_verification, read.json().last_received_at, read.body.includes('"key"')],
    [true, null, false],
  )
  const wrong = await app.inject({ method: 'POST', url: `${url.pathname.slice(0, -1)}~`, payload: '{}' })
  assert.equal(wrong.statusCode, 404)
  const huge = await app.inject({ method: 'POST', url: url.pathname, payload: 'x'.repeat(1_100_000) })
  assert.equal(huge.statusCode, 413)
  const smarthost = await sourceOf('smarthost')
  assert.equal((await call('GET', `/v1/sources/${smarthost}/webhook`, { token })).statusCode, 409)
  const ses = await sourceOf('ses')
  const bad = await call('PUT', `/v1/sources/${ses}/webhook`, { token, body: { verification: 'no ARN' } })
  assert.deepEqual([bad.statusCode, bad.json().code], [422, 'relay_webhooks.bad_verification'])
  const nobody = '01900000-0000-7000-8000-000000000000'
  assert.equal((await call('GET', `/v1/sources/${nobody}/webhook`, { token })).statusCode, 404)
})
