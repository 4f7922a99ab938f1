import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { gmailApi } from './gmail.ts'
import { mailgunApi } from './mailgun.ts'
import { postmarkApi } from './postmark.ts'
import type { ApiVerdict, RelayApi } from './relay-api.ts'
import { sendgridApi } from './sendgrid.ts'
import { sesApi } from './ses.ts'

const clock = manualClock(new Date('2026-03-01T12:00:00Z'))
const endpoint = new URL('https://api.example')
const MINUTE = 60_000
const APIS: Readonly<Record<string, RelayApi>> = {
  SES: sesApi(
    { clock },
    { endpoint, region: 'eu-west-1', credentials: { accessKeyId: 'A', secretAccessKey: 'S' } },
  ),
  SendGrid: sendgridApi({ clock }, { endpoint, apiKey: 'K' }),
  Mailgun: mailgunApi({ clock }, { endpoint, domain: 'd.example', apiKey: 'K' }),
  Postmark: postmarkApi({ clock }, { endpoint, serverToken: 'T', messageStream: 'outbound' }),
  Gmail: gmailApi({ clock, accessToken: async () => 'T' }, { endpoint }),
}

type Case = readonly [
  api: string,
  what: string,
  status: number,
  body: unknown,
  meant: string,
  headers?: Record<string, string>,
]

const CASES: readonly Case[] = [
  ['SES', 'a message it took', 200, { MessageId: 'i' }, 'sent i'],
  [
    'SES',
    'content it does not send',
    400,
    { message: 'Contains a virus' },
    'failed content',
    ses('MessageRejected'),
  ],
  [
    'SES',
    'an address that is none',
    400,
    { message: 'Missing final @domain' },
    'failed syntax',
    ses('BadRequestException'),
  ],
  [
    'SES',
    'a sender that is not verified',
    400,
    { message: 'Email address is not verified.' },
    'sender_refused',
    ses('MessageRejected'),
  ],
  [
    'SES',
    'a return path that is not verified',
    400,
    {},
    'sender_refused',
    ses('MailFromDomainNotVerifiedException'),
  ],
  ['SES', 'an account that is closed', 400, {}, 'suspended', ses('AccountSuspendedException')],
  ['SES', 'sending that is paused', 400, {}, 'suspended', ses('SendingPausedException')],
  [
    'SES',
    'a rate that is too high',
    429,
    { message: 'Maximum sending rate exceeded.' },
    'limited 1000',
    ses('TooManyRequestsException'),
  ],
  [
    'SES',
    'a day that is used up',
    400,
    { message: 'Daily message quota exceeded.' },
    `limited ${10 * MINUTE}`,
    ses('LimitExceededException'),
  ],
  [
    'SES',
    'a key that it does not know',
    403,
    { message: 'The token is invalid.' },
    'suspended',
    ses('UnrecognizedClientException'),
  ],
  [
    'SES',
    'a type that stands in the body',
    400,
    { __type: 'com.amazon#SendingPausedException' },
    'suspended',
  ],
  ['SendGrid', 'a message it took', 202, '', 'sent i', { 'x-message-id': 'i' }],
  ['SendGrid', 'a rehearsal', 200, {}, 'deferred protocol'],
  [
    'SendGrid',
    'content it does not take',
    400,
    { errors: [{ field: 'content', message: 'bad' }] },
    'failed content',
  ],
  [
    'SendGrid',
    'a sender it does not know',
    403,
    { errors: [{ message: 'The from address does not match a verified Sender Identity.' }] },
    'sender_refused',
  ],
  ['SendGrid', 'a key that may not send', 403, { errors: [{ message: 'access forbidden' }] }, 'suspended'],
  ['SendGrid', 'a message that is too big', 413, {}, 'failed message_too_big'],
  [
    'SendGrid',
    'too many requests',
    429,
    {},
    'limited 30000',
    { 'x-ratelimit-reset': String(Date.parse('2026-03-01T12:00:30Z') / 1000) },
  ],
  [
    'Mailgun',
    'a message it took',
    200,
    { id: '<i@d.example>', message: 'Queued. Thank you.' },
    'sent i@d.example',
  ],
  [
    'Mailgun',
    'a domain that must not send',
    403,
    { message: 'Domain d.example is not allowed to send: disabled' },
    'suspended',
  ],
  ['Mailgun', 'a domain that is not there', 404, { message: 'Domain not found' }, 'suspended'],
  ['Mailgun', 'a bill that is not paid', 402, {}, 'suspended'],
  [
    'Mailgun',
    'too many recipients',
    420,
    { message: 'recipient limit exceeded, try again after Sun, 01 Mar 2026 12:05:00 UTC' },
    `limited ${5 * MINUTE}`,
  ],
  [
    'Mailgun',
    'a form that it does not take',
    400,
    { message: 'from parameter is missing' },
    'failed content',
  ],
  ['Postmark', 'a message it took', 200, { ErrorCode: 0, MessageID: 'i' }, 'sent i'],
  ['Postmark', 'an error that comes with 200', 200, { ErrorCode: 406 }, 'bounced inactive'],
  ['Postmark', 'a sender it does not know', 422, { ErrorCode: 400 }, 'sender_refused'],
  ['Postmark', 'a sender that did not confirm', 422, { ErrorCode: 401 }, 'sender_refused'],
  ['Postmark', 'an account that may not send', 422, { ErrorCode: 413 }, 'suspended'],
  ['Postmark', 'credits that are used up', 422, { ErrorCode: 405 }, 'suspended'],
  ['Postmark', 'a stream that is not there', 422, { ErrorCode: 1235 }, 'suspended'],
  [
    'Postmark',
    'an address that is none',
    422,
    { ErrorCode: 300, Message: "Invalid 'To' address" },
    'failed syntax',
  ],
  ['Postmark', 'a file that it forbids', 422, { ErrorCode: 411 }, 'failed content'],
  ['Postmark', 'its maintenance', 503, { ErrorCode: 100 }, 'deferred system'],
  ['Gmail', 'a message it took', 200, { id: 'i' }, 'sent i'],
  ['Gmail', 'a day that is used up', 403, gmail(403, 'dailyLimitExceeded'), `limited ${60 * MINUTE}`],
  [
    'Gmail',
    'a limit on sending, with its end',
    429,
    gmail(
      429,
      'rateLimitExceeded',
      'User-rate limit exceeded (Mail sending).  Retry after 2026-03-01T14:00:00.000Z',
    ),
    `limited ${120 * MINUTE}`,
  ],
  ['Gmail', 'a user who is too fast', 403, gmail(403, 'userRateLimitExceeded'), 'limited 5000'],
  ['Gmail', 'a project that is too fast', 403, gmail(403, 'rateLimitExceeded'), 'limited 5000'],
  ['Gmail', 'an administrator who forbids it', 403, gmail(403, 'domainPolicy'), 'suspended'],
  [
    'Gmail',
    'an account without mail',
    400,
    gmail(400, 'failedPrecondition', 'Mail service not enabled'),
    'suspended',
  ],
  [
    'Gmail',
    'a recipient that is none',
    400,
    gmail(400, 'invalidArgument', 'Invalid To header'),
    'failed syntax',
  ],
]

for (const [api, what, status, body, meant, headers = {}] of CASES) {
  test(`${api}: ${what} means ${meant}`, () => {
    assert.equal(inWords(read(api, status, body, headers)), meant)
  })
}

for (const api of Object.keys(APIS)) {
  test(`${api}: a gateway in front that lost the API leaves the message in doubt, a fault of the API does not`, () => {
    for (const [status, isInDoubt] of [
      [500, false],
      [503, false],
      [502, true],
      [504, true],
    ] as const) {
      const verdict = read(api, status, '<html>a page of a gateway</html>')
      assert.equal(inWords(verdict), 'deferred system', `${status}`)
      assert.equal(verdict.verdict === 'deferred' && verdict.inDoubt, isInDoubt, `${status}`)
      assert.equal(verdict.verdict === 'deferred' && verdict.isFault, true)
    }
  })

  test(`${api}: a redirect, a page and an empty answer are never a yes`, () => {
    for (const status of [204, 301, 307, 404, 418]) {
      assert.notEqual(read(api, status, '').verdict, 'sent', `${status}`)
    }
  })

  test(`${api}: 401 and 403 without a word we know are about us, and 429 rests`, () => {
    assert.equal(inWords(read(api, 401, '')), 'suspended')
    assert.equal(inWords(read(api, 403, '')), 'suspended')
    const limited = read(api, 429, '')
    assert.ok(limited.verdict === 'limited' && limited.retryAfterMs >= 1_000)
  })
}

function read(api: string, status: number, body: unknown, headers: Record<string, string> = {}): ApiVerdict {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const found = APIS[api]
  assert.ok(found)
  return found.read({ kind: 'http', status, headers, body: text })
}

function inWords(verdict: ApiVerdict): string {
  if (verdict.verdict === 'sent') return `sent ${verdict.relayId}`
  if (verdict.verdict === 'limited') return `limited ${verdict.retryAfterMs}`
  return 'class' in verdict ? `${verdict.verdict} ${verdict.class}` : verdict.verdict
}

function ses(type: string): Record<string, string> {
  return { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/` }
}

function gmail(code: number, reason: string, message = 'no'): unknown {
  return { error: { code, message, errors: [{ domain: 'usageLimits', reason, message }] } }
}
