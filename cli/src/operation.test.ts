import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { pretendInstallation } from './pretended-installation.ts'

const PIGEON = fileURLToPath(new URL('./pigeon.ts', import.meta.url))
const ID = '01900000-0000-7000-8000-00000000000a'
const AT = '2026-11-22T09:30:00.000Z'

const order = {
  id: ID,
  mode: 'sandbox',
  provider: 'google',
  source_id: null,
  source: null,
  paused: null,
  messages_per_minute: 600,
  until: AT,
  probe_at: null,
  created_at: AT,
}
const lane = {
  mode: 'live',
  provider: 'google',
  source_id: ID,
  source: 'out-1',
  state: 'suspended',
  since: AT,
  until: AT,
  reason: '550 Blocked\u001b[2J',
  warming: true,
  budget_left: 40,
  per_minute: 1234.5,
  refused_share: 0.25,
  active: 3,
  connections: 2,
  max_connections: 5,
  limits: {
    messages_per_second: 20,
    messages_per_minute: null,
    messages_per_hour: null,
    messages_per_day: 5000,
    connections_per_minute: null,
    messages_per_connection: 100,
    pace_per_minute: 90,
  },
  updated_at: AT,
  waiting: { count: 10_000, or_more: true },
  orders: [order],
}
const metrics = {
  campaign_id: ID,
  status: 'sent',
  accepted: 10,
  in_flight: 0,
  states: { delivered: 10, sent: 0, bounced: 0, failed: 0, suppressed: 0, cancelled: 0, deferred: 0 },
  messages_per_second: 5,
}

/** A server that gives these answers, the last of a list for ever. */
function installation(t: TestContext, answers: Record<string, readonly object[]>) {
  const left = new Map(Object.entries(answers).map(([at, list]) => [at, [...list]]))
  return pretendInstallation(t, (at) => {
    const list = left.get(at)
    return list !== undefined && list.length > 1 ? list.shift() : list?.[0]
  })
}

const page = (...data: object[]): object => ({ data, has_more: false, next_cursor: null })
const TENANT = { 'GET /v1/tenant': [{ mode: 'sandbox' }] }

test('lanes are a table with what waits, until when and why, and what people have ordered', async (t) => {
  const { pigeon } = await installation(t, { 'GET /v1/lanes': [page(lane)] })
  const { code, stdout } = await pigeon('lanes')
  assert.equal(code, 0)
  assert.match(
    stdout,
    /google +out-1 \(warming, 40 left\) +suspended +1,234\.5 +2\/5 +20\/s 5,000\/day 100\/conn +3 +10,000\+ +25%/,
  )
  assert.match(
    stdout,
    /550 Blocked\ufffd\[2J; slowed to 90 a minute; at most 600 a minute until 2026-11-22 09:30:00 UTC/,
  )
  assert.deepEqual(JSON.parse((await pigeon('lanes', '--json')).stdout), [lane])
  assert.equal((await pigeon('lanes', '--state', 'angry')).code, 2)
})

test('orders are given with the mode of the tenant, or the one that is said', async (t) => {
  const { changes, pigeon } = await installation(t, {
    ...TENANT,
    'POST /v1/lanes/pause': [{ order: { ...order, paused: 'Blocked.', messages_per_minute: null } }],
    'POST /v1/lanes/limit': [{ order }],
    'POST /v1/lanes/resume': [{ order: null }],
    'POST /v1/lanes/probe': [{ order: { ...order, probe_at: AT, messages_per_minute: null } }],
  })
  const paused = await pigeon('lanes', 'pause', 'google', '--reason', 'Blocked.')
  assert.equal(paused.stdout, 'google (sandbox) from every source: paused: Blocked.\n')
  await pigeon('lanes', 'limit', 'google', '600', '--for', '5', '--source', 'out-1', '--mode', 'live')
  const resumed = await pigeon('lanes', 'resume', 'google')
  assert.match(resumed.stdout, /nothing is ordered any more/)
  assert.match((await pigeon('lanes', 'probe', 'google')).stdout, /one message asks/)
  assert.equal((await pigeon('lanes', 'limit', 'google', 'many')).code, 2)
  assert.equal((await pigeon('lanes', 'delete-order', ID)).code, 0)
  const google = { mode: 'sandbox', provider: 'google' }
  assert.deepEqual(changes, [
    { at: 'POST /v1/lanes/pause', body: { ...google, reason: 'Blocked.' } },
    {
      at: 'POST /v1/lanes/limit',
      body: { mode: 'live', provider: 'google', source: 'out-1', messages_per_minute: 600, for_minutes: 5 },
    },
    { at: 'POST /v1/lanes/resume', body: google },
    { at: 'POST /v1/lanes/probe', body: google },
    { at: `DELETE /v1/lanes/orders/${ID}`, body: undefined },
  ])
})

test('a queue is cleared only when it is confirmed, and waited for', async (t) => {
  const waiting = { count: 7, or_more: false }
  const made = { id: ID, done: 0, completed_at: null }
  const { changes, pigeon } = await installation(t, {
    ...TENANT,
    'POST /v1/queue/purge': [
      { waiting, confirm: 'google', order: null },
      { waiting, confirm: 'google', order: made },
    ],
    'POST /v1/queue/flush': [made],
    [`GET /v1/queue/orders/${ID}`]: [made, { ...made, done: 7, completed_at: AT }],
  })
  const preview = await pigeon('queue', 'clear', '--provider', 'google')
  assert.equal(preview.stdout, '7 messages wait. To cancel them: --confirm "google"\n')
  const done = await pigeon('queue', 'clear', '--provider', 'google', '--confirm', 'google')
  assert.deepEqual([done.code, done.stdout], [0, '7 messages are cancelled.\n'])
  assert.match((await pigeon('queue', 'retry', '--campaign', ID)).stdout, /7 messages are due now/)
  assert.equal((await pigeon('queue', 'retry')).code, 2)
  const google = { mode: 'sandbox', provider: 'google' }
  assert.deepEqual(
    changes.map(({ body }) => body),
    [google, { ...google, confirm: 'google' }, { campaign_id: ID }],
  )
})

test('what waits, alerts and the audit log are tables', async (t) => {
  const { pigeon } = await installation(t, {
    'GET /v1/queue': [
      page({
        mode: 'live',
        provider: 'google',
        stopped: true,
        waiting: { count: 10_000, or_more: true },
        later: 1,
        due_under_a_minute: 2,
        due_under_an_hour: 3,
        due_longer: 9_994,
        oldest_due_at: AT,
      }),
    ],
    'GET /v1/queue/campaigns': [page()],
    'GET /v1/alerts': [
      page({
        ...lane,
        kind: 'lane_suspended',
        text: '550 Blocked',
        times: 3,
        raised_at: AT,
        resolved_at: null,
      }),
    ],
    'GET /v1/audit-log': [
      page({
        at: AT,
        user_id: ID,
        address: '192.0.2.1',
        action: 'lanes.pause',
        subject: 'x',
        after: { a: 1 },
      }),
    ],
  })
  const queue = await pigeon('queue', 'list')
  assert.match(queue.stdout, /google \(stopped\) +live +10,000\+ +1 +2 +3 +9,994/)
  assert.match((await pigeon('alerts')).stdout, /lane_suspended +google +out-1 +3 +550 Blocked/)
  assert.match((await pigeon('audit-log')).stdout, /192\.0\.2\.1 +lanes\.pause +x +\{"a":1\}/)
})

test('tracking changes what is said and leaves the rest', async (t) => {
  const said = {
    opens: true,
    clicks: true,
    privacy: false,
    host: 'links.example.com',
    host_verified_at: null,
  }
  const now = { ...said, cname: 'mail.example.com' }
  const { changes, pigeon } = await installation(t, {
    'GET /v1/tenant/tracking': [now, now],
    'PUT /v1/tenant/tracking': [now],
    'POST /v1/tenant/tracking/verify': [now],
  })
  assert.match(
    (await pigeon('tracking', 'show')).stdout,
    /yes +yes +no +links\.example\.com +- +mail\.example\.com/,
  )
  assert.equal((await pigeon('tracking', 'set', '--no-opens', '--host', '')).code, 0)
  assert.equal((await pigeon('tracking', 'verify')).code, 0)
  assert.deepEqual(changes[0]?.body, { opens: false, clicks: true, privacy: false, host: null })
})

test('a mailer begins what does not send yet, and succeeds when every message is final', async (t) => {
  for (const [status, action] of [
    ['draft', 'send'],
    ['paused', 'resume'],
    ['sending', undefined],
  ] as const) {
    const { changes, pigeon } = await installation(t, {
      [`GET /v1/campaigns/${ID}`]: [{ id: ID, status }],
      [`POST /v1/campaigns/${ID}/${action}`]: [{ id: ID }],
      [`GET /v1/campaigns/${ID}/metrics`]: [{ ...metrics, status: 'sending', in_flight: 4 }, metrics],
    })
    const { code, stdout } = await pigeon('mailer', 'run', '--campaign', ID)
    assert.deepEqual([code, stdout], [0, 'sent: 10 of 10 messages are final.\n'])
    assert.deepEqual(
      changes.map(({ at }) => at),
      action === undefined ? [] : [`POST /v1/campaigns/${ID}/${action}`],
    )
  }
})

test('a mailer whose campaign somebody else has paused ends, and says how to go on', async (t) => {
  const { pigeon } = await installation(t, {
    [`GET /v1/campaigns/${ID}`]: [{ id: ID, status: 'sending' }],
    [`GET /v1/campaigns/${ID}/metrics`]: [{ ...metrics, status: 'paused', in_flight: 4 }],
  })
  const { code, stderr } = await pigeon('mailer', 'run', '--campaign', ID)
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`To go on: pigeon mailer run --campaign ${ID}`))
})

test('Ctrl-C pauses the campaign of a mailer, and says how to go on', async (t) => {
  const { changes, url } = await installation(t, {
    [`GET /v1/campaigns/${ID}`]: [{ id: ID, status: 'sending' }],
    [`POST /v1/campaigns/${ID}/pause`]: [{ id: ID }],
    [`GET /v1/campaigns/${ID}/metrics`]: [{ ...metrics, status: 'sending', in_flight: 4 }],
  })
  const env = { PATH: process.env.PATH, PIGEON_URL: url, PIGEON_API_KEY: 'k' }
  const child = spawn(process.execPath, [PIGEON, 'mailer', 'run', '--campaign', ID], { env })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => {
    // The first sign of progress: it watches.
    if (stderr === '') child.kill('SIGINT')
    stderr += chunk.toString()
  })
  const [code]: unknown[] = await once(child, 'close')
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`The campaign is paused\\. To go on: pigeon mailer run --campaign ${ID}`))
  assert.deepEqual(
    changes.map(({ at }) => at),
    [`POST /v1/campaigns/${ID}/pause`],
  )
})

test('a drain waits until nothing is in hand', async (t) => {
  const processes = (count: number): object => ({
    sending: { stopped_at: AT, reason: 'x', in_hand: { count, or_more: false } },
    roles: [],
    deliver: [],
  })
  const { changes, pigeon } = await installation(t, {
    'GET /v1/system/processes': [processes(3), processes(0)],
  })
  const { code, stdout } = await pigeon('daemon', 'drain', '--reason', 'New disk')
  assert.deepEqual([code, stdout], [0, 'Nothing is in hand. To send again: pigeon daemon resume\n'])
  assert.equal((await pigeon('daemon', 'resume')).code, 0)
  assert.deepEqual(changes, [
    { at: 'POST /v1/system/drain', body: { reason: 'New disk' } },
    { at: 'POST /v1/system/resume', body: undefined },
  ])
})
