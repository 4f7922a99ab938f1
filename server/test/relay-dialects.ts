import assert from 'node:assert/strict'
import PostalMime from 'postal-mime'
import { textAt } from '#delivery/relays/relay-api.ts'
import { signRequest } from '#delivery/relays/sigv4.ts'
import type { HttpRelayConfig } from '#delivery/relays/relay-config.ts'
import type { ApiReply, ApiRequest } from './scripted-api.ts'

/** A message as a relay got it, in whatever way its API takes it. */
export interface ReceivedMail {
  readonly rcptTo: string
  readonly subject: string
  readonly text: string
  readonly html: string
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>
  readonly attachments: readonly {
    readonly filename: string
    readonly content: string
    readonly isInline: boolean
  }[]
}

/** The other side of one provider's API: what it says, what it asks for, and how a message is read from a request. */
export interface Dialect {
  readonly config: (endpoint: string) => HttpRelayConfig
  readonly secret: string
  readonly accepted: (id: string) => ApiReply
  /** To a recipient that it will not send to. */
  readonly refused: ApiReply
  /** For seven seconds, where the API can say so. */
  readonly limited: (now: Date) => ApiReply
  readonly failed: ApiReply
  readonly denied: ApiReply
  /** Path, method and credentials. Throws when the provider would not let the request in. */
  readonly check: (request: ApiRequest) => void
  readonly read: (request: ApiRequest) => Promise<ReceivedMail>
}

const JSON_TYPE = { 'content-type': 'application/json' }

function said(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): ApiReply {
  return { status, headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) }
}

const SES_SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const ses: Dialect = {
  config: (endpoint) => ({
    kind: 'ses',
    name: 'ses-eu',
    endpoint,
    region: 'eu-west-1',
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: SES_SECRET,
    configurationSet: 'main',
  }),
  secret: SES_SECRET,
  accepted: (id) => said(200, { MessageId: id }),
  refused: said(
    400,
    { message: 'Address blacklisted.' },
    { 'x-amzn-errortype': 'MessageRejected:http://internal' },
  ),
  limited: () =>
    said(
      429,
      { message: 'Maximum sending rate exceeded.' },
      { 'x-amzn-errortype': 'TooManyRequestsException' },
    ),
  failed: said(500, { message: 'Internal' }, { 'x-amzn-errortype': 'InternalFailure' }),
  denied: said(
    403,
    { message: `The signature does not match; your key was ${SES_SECRET}` },
    { 'x-amzn-errortype': 'SignatureDoesNotMatch' },
  ),
  check(request) {
    assert.equal(`${request.method} ${request.path}`, 'POST /v2/email/outbound-emails')
    const at = String(request.headers['x-amz-date'])
    const again = signRequest(
      {
        method: 'POST',
        url: new URL(`https://${request.headers.host}${request.path}`),
        headers: { 'content-type': String(request.headers['content-type']) },
        body: request.body,
      },
      { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SES_SECRET },
      {
        region: 'eu-west-1',
        service: 'ses',
        now: new Date(at.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')),
      },
    )
    assert.equal(request.headers.authorization, again['authorization'])
  },
  async read(request) {
    const body = jsonBody(request)
    assert.equal(at(body, 'ConfigurationSetName'), 'main')
    assert.equal(at(body, 'FeedbackForwardingEmailAddress'), 'bounces+1@sender.example')
    const raw = Buffer.from(textOf(body, 'Content', 'Raw', 'Data'), 'base64')
    return { ...(await readMime(raw)), rcptTo: textOf(body, 'Destination', 'ToAddresses', 0) }
  },
}

const mailgun: Dialect = {
  config: (endpoint) => ({
    kind: 'mailgun',
    name: 'mailgun-eu',
    endpoint,
    region: 'eu',
    domain: 'mg.sender.example',
    apiKey: 'key-of-mailgun',
  }),
  secret: 'key-of-mailgun',
  accepted: (id) => said(200, { id: `<${id}>`, message: 'Queued. Thank you.' }),
  refused: said(400, { message: "'to' parameter is not a valid address. please check documentation" }),
  limited: (now) =>
    said(420, {
      message: `Domain mg.sender.example is not allowed to send: recipient limit exceeded, try again after ${inWords(now, 7)}`,
    }),
  failed: said(500, { message: 'Internal' }),
  denied: { status: 401, body: 'Forbidden: key-of-mailgun' },
  check(request) {
    assert.equal(`${request.method} ${request.path}`, 'POST /v3/mg.sender.example/messages.mime')
    assert.equal(
      request.headers.authorization,
      `Basic ${Buffer.from('api:key-of-mailgun').toString('base64')}`,
    )
  },
  async read(request) {
    const form = await new Response(new Uint8Array(request.body), {
      headers: { 'content-type': String(request.headers['content-type']) },
    }).formData()
    assert.equal(form.get('o:tracking'), 'no')
    const file = form.get('message')
    const to = form.get('to')
    assert.ok(file instanceof File, 'the message is a file')
    return {
      ...(await readMime(Buffer.from(await file.arrayBuffer()))),
      rcptTo: typeof to === 'string' ? to : '',
    }
  },
}

const sendgrid: Dialect = {
  config: (endpoint) => ({
    kind: 'sendgrid',
    name: 'sendgrid',
    endpoint,
    region: 'global',
    apiKey: 'SG.secret-key',
  }),
  secret: 'SG.secret-key',
  accepted: (id) => ({ status: 202, headers: { 'x-message-id': id } }),
  refused: said(400, {
    errors: [
      { message: 'Does not contain a valid address.', field: 'personalizations.0.to.0.email', help: null },
    ],
  }),
  limited: (now) =>
    said(
      429,
      { errors: [{ field: null, message: 'too many requests' }] },
      {
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset': String(Math.ceil(now.getTime() / 1000) + 7),
      },
    ),
  failed: said(503, { errors: [{ field: null, message: 'unavailable' }] }),
  denied: said(401, {
    errors: [{ message: 'The provided authorization grant is invalid: SG.secret-key', field: null }],
  }),
  check(request) {
    assert.equal(`${request.method} ${request.path}`, 'POST /v3/mail/send')
    assert.equal(request.headers.authorization, 'Bearer SG.secret-key')
  },
  async read(request) {
    const body = jsonBody(request)
    assert.equal(at(body, 'tracking_settings', 'click_tracking', 'enable'), false)
    const contents = listAt(body, 'content')
    const valueOf = (type: string): string =>
      textOf(
        contents.find((one) => textOf(one, 'type') === type),
        'value',
      )
    const headers = at(body, 'headers')
    assert.ok(typeof headers === 'object' && headers !== null)
    return {
      rcptTo: textOf(body, 'personalizations', 0, 'to', 0, 'email'),
      subject: textOf(body, 'subject'),
      text: valueOf('text/plain'),
      html: valueOf('text/html'),
      headers: new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])),
      attachments: listAt(body, 'attachments').map((one) => ({
        filename: textOf(one, 'filename'),
        content: decoded(textOf(one, 'content')),
        isInline: at(one, 'disposition') === 'inline' && at(one, 'content_id') === 'logo@pigeon',
      })),
    }
  },
}

const postmark: Dialect = {
  config: (endpoint) => ({
    kind: 'postmark',
    name: 'postmark',
    endpoint,
    serverToken: 'token-of-postmark',
    messageStream: 'broadcast',
  }),
  secret: 'token-of-postmark',
  accepted: (id) =>
    said(200, { To: 'x', SubmittedAt: '2026-01-01T00:00:00Z', MessageID: id, ErrorCode: 0, Message: 'OK' }),
  refused: said(422, {
    ErrorCode: 406,
    Message: 'You tried to send to a recipient that has been marked as inactive.',
  }),
  limited: () => said(429, { ErrorCode: 429, Message: 'Rate Limit Exceeded' }, { 'retry-after': '7' }),
  failed: said(500, { ErrorCode: 0, Message: 'Internal' }),
  denied: said(401, { ErrorCode: 10, Message: 'Bad or missing API token: token-of-postmark' }),
  check(request) {
    assert.equal(`${request.method} ${request.path}`, 'POST /email')
    assert.equal(request.headers['x-postmark-server-token'], 'token-of-postmark')
  },
  async read(request) {
    const body = jsonBody(request)
    assert.equal(at(body, 'MessageStream'), 'broadcast')
    assert.equal(at(body, 'TrackOpens'), false)
    const headers = new Map(
      listAt(body, 'Headers').map((one) => [textOf(one, 'Name').toLowerCase(), textOf(one, 'Value')]),
    )
    assert.equal(headers.get('x-pm-keepid'), 'true')
    const to = textOf(body, 'To')
    return {
      rcptTo: /<([^>]*)>$/.exec(to)?.[1] ?? to,
      subject: textOf(body, 'Subject'),
      text: textOf(body, 'TextBody'),
      html: textOf(body, 'HtmlBody'),
      headers,
      attachments: listAt(body, 'Attachments').map((one) => ({
        filename: textOf(one, 'Name'),
        content: decoded(textOf(one, 'Content')),
        isInline: at(one, 'ContentID') === 'cid:logo@pigeon',
      })),
    }
  },
}

/** What the access token of a Gmail account is, in these tests. */
export const GMAIL_TOKEN = 'ya29.token-of-gmail'

const gmail: Dialect = {
  config: (endpoint) => ({ kind: 'gmail', name: 'gmail', endpoint, account: 'news@sender.example' }),
  secret: GMAIL_TOKEN,
  accepted: (id) => said(200, { id, threadId: id, labelIds: ['SENT'] }),
  refused: said(400, {
    error: {
      code: 400,
      message: 'Invalid To header',
      errors: [{ reason: 'invalidArgument', domain: 'global' }],
    },
  }),
  limited: (now) => {
    const message = `User-rate limit exceeded.  Retry after ${new Date(now.getTime() + 7_000).toISOString()}`
    return said(429, {
      error: { code: 429, message, errors: [{ reason: 'userRateLimitExceeded', message }] },
    })
  },
  failed: said(500, { error: { code: 500, message: 'Backend Error', errors: [{ reason: 'backendError' }] } }),
  denied: said(401, {
    error: { code: 401, message: `Invalid Credentials ${GMAIL_TOKEN}`, errors: [{ reason: 'authError' }] },
  }),
  check(request) {
    assert.equal(
      `${request.method} ${request.path}`,
      'POST /upload/gmail/v1/users/me/messages/send?uploadType=media',
    )
    assert.equal(request.headers.authorization, `Bearer ${GMAIL_TOKEN}`)
    assert.equal(request.headers['content-type'], 'message/rfc822')
  },
  async read(request) {
    const email = await PostalMime.parse(request.body)
    assert.equal(email.cc, undefined)
    assert.equal(email.to?.length, 1)
    return { ...(await readMime(request.body)), rcptTo: email.to?.[0]?.address ?? '' }
  },
}

export const DIALECTS: readonly Dialect[] = [ses, mailgun, sendgrid, postmark, gmail]

export async function readMime(raw: Buffer): Promise<Omit<ReceivedMail, 'rcptTo'>> {
  const email = await PostalMime.parse(raw, { attachmentEncoding: 'utf8' })
  return {
    subject: email.subject ?? '',
    text: email.text ?? '',
    html: email.html ?? '',
    headers: new Map(email.headers.map(({ key, value }) => [key, value])),
    attachments: email.attachments.map((one) => ({
      filename: one.filename ?? '',
      content: typeof one.content === 'string' ? one.content : '',
      isInline: one.contentId === '<logo@pigeon>' && one.disposition === 'inline',
    })),
  }
}

function jsonBody(request: ApiRequest): unknown {
  assert.equal(request.headers['content-type'], 'application/json')
  const body: unknown = JSON.parse(request.body.toString('utf8'))
  return body
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (here, key) =>
      typeof here === 'object' && here !== null ? new Map(Object.entries(here)).get(String(key)) : undefined,
    value,
  )
}

function listAt(value: unknown, key: string): readonly unknown[] {
  const list = at(value, key)
  return Array.isArray(list) ? list : []
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}

function textOf(value: unknown, ...path: readonly (string | number)[]): string {
  return textAt(value, ...path) ?? ''
}

/** `Thu, 01 Jan 2026 00:00:07 UTC`. */
function inWords(now: Date, seconds: number): string {
  return new Date(now.getTime() + seconds * 1000).toUTCString().replace('GMT', 'UTC')
}
