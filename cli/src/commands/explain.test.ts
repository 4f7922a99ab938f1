import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { components } from '@pigeon/sdk'
import { run } from '#run.ts'

const ID = '01900000-0000-7000-8000-00000000000a'

const explanation: components['schemas']['Explanation'] = {
  recipient: 'ann@gmail.example',
  domain: 'gmail.example',
  mode: 'sandbox',
  verdict: 'waits',
  explanation: 'Mail to ann@gmail.example would wait. No source may send.',
  obstacles: [
    { code: 'no_lane', message: 'No source may send.', is_final: false },
    { code: 'tls', message: 'The policy asks for a certificate.', is_final: false },
  ],
  suppressed: null,
  sender: {
    domain: 'example.org',
    is_allowed: true,
    signed_by: 'example.org',
    dkim: [{ selector: 'pg1-rsa', algorithm: 'rsa-sha256' }],
  },
  mx: {
    kind: 'hosts',
    ttl_seconds: 300,
    reason: null,
    hosts: [{ name: 'mx.google.com', priority: 5, addresses: ['192.0.2.25'] }],
  },
  provider: { name: 'google', reason: 'It ends in google.com.' },
  destination: { id: 1, shard: 3, stopped: true },
  pool: { id: ID, name: 'default', reason: 'Pool default: nothing nearer names one.' },
  sources: [
    {
      source_id: ID,
      source: 'out-1',
      kind: 'ip',
      pool: 'default',
      weight: 1,
      state: 'suspended',
      can_send: false,
      reason: 'google refused this source.',
      ready_at: '2026-11-22T12:00:00.000Z',
      is_warming: true,
      budget_left: 40,
      allowed_per_minute: 12_000,
      sending_per_minute: 0,
      max_connections: 20,
    },
  ],
  wait: { seconds: 600, reason: 'No source may send before noon.' },
  tls: ['gmail.example asks for nothing.'],
  retry: { waits_seconds: [300], expires_seconds: 3600, reason: 'Refused for good, it bounces at once.' },
}

const trace = {
  id: ID,
  recipient: 'ann@gmail.example',
  state: 'deferred',
  in_doubt: true,
  campaign_id: null,
  provider: 'google',
  explanation: 'It was put off. The mailbox is full.',
  advice: { class: 'mailbox_full', what: 'The mailbox is full.', who: 'recipient', fix: 'Wait.', page: null },
  next_attempt_at: '2026-11-22T12:00:00.000Z',
  expires_at: null,
  attempts_made: [
    {
      attempt: 1,
      started_at: '2026-11-22T11:00:00.000Z',
      meaning: 'Put off. The mailbox is full.',
      source: 'out-1',
      mx_host: 'mx.google.com',
      mx_ip: '192.0.2.25',
      tls: true,
      reply: '452 4.2.2 Full',
      phase: 'rcpt',
      rule: { set: 'google', id: 'full', class: 'mailbox_full', source: 'support.google.com' },
      transcript: 'C: RCPT TO:<ann@gmail.example>\nS: 452 4.2.2 Full\n',
    },
  ],
  way: explanation,
}

const rehearsal: components['schemas']['Rehearsal'] = {
  campaign_id: ID,
  as: 'live',
  summary: '90 of 100 would be delivered, the last after 4 hours; 10 would bounce, 0 would expire.',
  pool: { id: ID, name: 'default', reason: 'Pool default: nothing nearer names one.' },
  recipients: 12_000,
  suppressed: 3,
  delivered: 90,
  bounced: 10,
  deferred: 7,
  expired: 0,
  duration_seconds: 14_400,
  is_partial: false,
  unresolved: { domains: 0, recipients: 0 },
  warm_up: null,
  providers: [
    {
      provider: 'google',
      profile: 'google',
      recipients: 100,
      delivered: 90,
      bounced: { rejected: 2, unknown_user: 8 },
      deferred: {},
      expired: 0,
      duration_seconds: 14_400,
      half_seconds: 60,
      most_seconds: 3600,
      limited_by: 'warmup',
      sentence: 'The warm-up budget of the sources holds it up.',
    },
  ],
  notes: ['It is assumed that SPF names the sources.'],
}

/** An installation that answers with what stands above, and notes what it was asked. */
async function installation(t: TestContext, verdict: 'sends' | 'waits' = 'waits') {
  const asked: { at: string; body: unknown }[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(Buffer.from(chunk))
    const text = Buffer.concat(chunks).toString()
    asked.push({ at: `${request.method} ${request.url}`, body: text === '' ? undefined : JSON.parse(text) })
    const isRehearsal = request.url?.endsWith('/rehearse') === true
    const answer = request.method === 'GET' ? trace : isRehearsal ? rehearsal : { ...explanation, verdict }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  // An address of TCP, as listen was given one.
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const pigeon = async (...args: string[]) => {
    const texts = { stdout: '', stderr: '' }
    const stream = (name: keyof typeof texts) => ({
      write: (content: string | Uint8Array) => (texts[name] += Buffer.from(content).toString()),
    })
    const settings = { url, apiKey: 'k', password: undefined, configDir: '/nonexistent' }
    const code = await run(args, settings, { stdout: stream('stdout'), stderr: stream('stderr') })
    return { code, ...texts }
  }
  return { asked, pigeon }
}

test('an explanation begins with the verdict, and each step has its line', async (t) => {
  const { asked, pigeon } = await installation(t)
  const { code, stdout } = await pigeon('explain', 'ann@gmail.example', '--from', 'example.org')
  assert.equal(code, 1, 'it would not go now')
  const lines = stdout.split('\n')
  assert.equal(lines[0], explanation.explanation)
  assert.equal(lines[1], 'Also: The policy asks for a certificate.')
  for (const words of [
    /sender +example\.org: verified, signed by example\.org \(pg1-rsa\)/,
    /mail hosts +mx\.google\.com \(5\) 192\.0\.2\.25/,
    /provider +google\. It ends in google\.com\./,
    /wait +600 s\. No source may send before noon\./,
    /out-1 +default +suspended +no +12,000 +40 +google refused this source\./,
  ])
    assert.match(stdout, words)
  assert.deepEqual(asked, [
    { at: 'POST /v1/explain', body: { to: 'ann@gmail.example', from: 'example.org' } },
  ])
})

test('what would be sent is exit code 0, and JSON is what the API said', async (t) => {
  const { asked, pigeon } = await installation(t, 'sends')
  const args = ['explain', 'ann@gmail.example', '--campaign', ID, '--class', 'transactional', '--json']
  const { code, stdout } = await pigeon(...args)
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), { ...explanation, verdict: 'sends' })
  assert.deepEqual(asked[0]?.body, {
    to: 'ann@gmail.example',
    campaign_id: ID,
    message_class: 'transactional',
  })
  assert.equal((await pigeon('explain', 'ann@gmail.example', '--class', 'urgent')).code, 2)
})

test('a trace shows what became of a message, each attempt with its conversation, and the way from here', async (t) => {
  const { pigeon } = await installation(t)
  const { code, stdout } = await pigeon('messages', 'trace', ID)
  assert.equal(code, 0)
  for (const words of [
    /^ann@gmail\.example: deferred \(in doubt\)\nIt was put off\. The mailbox is full\./,
    /next try +2026-11-22 12:00:00 UTC/,
    /Attempt 1, 2026-11-22 11:00:00 UTC: Put off\. The mailbox is full\./,
    /reply +452 4\.2\.2 Full {2}\[rcpt\]/,
    /read by +google, full \(support\.google\.com\)/,
    / {4}S: 452 4\.2\.2 Full/,
    /The way from here/,
  ])
    assert.match(stdout, words)
  assert.equal((await pigeon('messages', 'trace', 'ann')).code, 2)
})

test('a rehearsal shows its outcome in a sentence and a line for each provider', async (t) => {
  const { asked, pigeon } = await installation(t)
  const { code, stdout } = await pigeon('rehearse', '--campaign', ID, '--as', 'live')
  assert.equal(code, 0)
  assert.equal(stdout.split('\n')[0], rehearsal.summary)
  assert.match(stdout, /recipients +12,000, and 3 suppressed/)
  assert.match(stdout, /google +100 +90 +8 unknown_user, 2 rejected +0 +0 +14,400 +The warm-up budget/)
  assert.match(stdout, /It is assumed that SPF names the sources\./)
  assert.deepEqual(asked, [{ at: `POST /v1/campaigns/${ID}/rehearse`, body: { as: 'live' } }])
  const json = await pigeon('rehearse', '--campaign', ID, '--json')
  assert.deepEqual(JSON.parse(json.stdout), rehearsal)
  assert.equal((await pigeon('rehearse')).code, 2)
  assert.equal((await pigeon('rehearse', '--campaign', ID, '--as', 'never')).code, 2)
})
