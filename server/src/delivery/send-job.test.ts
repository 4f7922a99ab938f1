import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { closedPort, startScriptedApi, type ApiStep } from '@pigeon/server/test/scripted-api.ts'
import { startScriptedSmtp, type ScriptedSmtpOptions } from '@pigeon/server/test/scripted-smtp.ts'
import { poolOf, smarthostAt, startSending } from '@pigeon/server/test/sending.ts'
import type { LaneSource } from './lanes/lane.ts'

const AUTH_LOGIN = { username: 'pigeon' }
const EXTENSIONS = ['PIPELINING', 'AUTH PLAIN']
/** An address that is remembered as one that cannot be reached is not that of the receiver. */
const ELSEWHERE = { host: '127.0.0.2' }
const ours: LaneSource = { id: 'ours', name: 'ours' }

async function smtp(t: TestContext, options: ScriptedSmtpOptions = {}) {
  const server = await startScriptedSmtp(options)
  t.after(() => server.close())
  return server
}

/** The receiver of live mail, and what stands in for all of them in the sandbox. */
async function receivers(t: TestContext) {
  const [live, sandbox] = [await smtp(t), await smtp(t)]
  return { live, sandbox, mxPort: { live: live.port, sandbox: sandbox.port } }
}

function postmarkAt(port: number): LaneSource {
  const config = { endpoint: `http://127.0.0.1:${port}`, messageStream: 'outbound' }
  return { id: 'pm', name: 'pm', relay: { kind: 'postmark', config, version: '1' } }
}

async function postmark(t: TestContext, answer: () => ApiStep) {
  const api = await startScriptedApi({ answer })
  t.after(() => api.close())
  return api
}

test('a relay in the pool gets the message with its log-in, and its yes means sent', async (t) => {
  const mx = await receivers(t)
  const relay = await smtp(t, { extensions: EXTENSIONS })
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', [smarthostAt('relay', relay.port, AUTH_LOGIN)])],
    secrets: { relay: 'open sesame' },
  })
  const event = await rig.send()
  assert.deepEqual([event?.type, event?.source], ['sent', 'relay'])
  assert.equal(relay.accepted.length, 1)
  assert.ok(relay.heard.some((line) => line.includes('AUTH PLAIN')))
  assert.match(relay.accepted[0]?.content ?? '', /DKIM-Signature: [^]*d=sender\.example/)
  assert.equal(mx.live.connections() + mx.sandbox.connections(), 0)
})

test('the connections to a smarthost are those of its lane', async (t) => {
  const mx = await receivers(t)
  const relay = await smtp(t)
  const rig = await startSending(t, { ...mx, pools: [poolOf('main', [smarthostAt('relay', relay.port)])] })
  await rig.send()
  await rig.send()
  assert.equal(relay.connections(), 1, 'the second message went over the connection of the first')
  assert.equal(rig.events.filter(({ type }) => type === 'sent').length, 2)
})

test('in the sandbox a message of a relay goes to the windtunnel, and its event names the source', async (t) => {
  const mx = await receivers(t)
  const relay = await smtp(t)
  const rig = await startSending(t, { ...mx, pools: [poolOf('main', [smarthostAt('relay', relay.port)])] })
  const event = await rig.send('sandbox')
  assert.deepEqual([event?.type, event?.source], ['delivered', 'relay'])
  assert.equal(relay.connections(), 0)
  assert.equal(mx.sandbox.accepted.length, 1)
})

test('a relay that writes the message anew gets none of our signatures', async (t) => {
  const mx = await receivers(t)
  const api = await postmark(t, () => ({ status: 200, body: '{"ErrorCode":0,"MessageID":"m-1"}' }))
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', [postmarkAt(api.port)])],
    secrets: { pm: 'token' },
  })
  const event = await rig.send()
  assert.equal(event?.type, 'sent')
  assert.equal(api.requests.length, 1)
  assert.doesNotMatch(api.requests[0]?.body.toString() ?? 'DKIM', /DKIM/)
})

test('what a relay cannot take now goes over the overflow at once, in the same attempt', async (t) => {
  const mx = await receivers(t)
  const rig = await startSending(t, {
    ...mx,
    pools: [
      poolOf('main', [smarthostAt('relay', await closedPort(), ELSEWHERE)], 'rest'),
      poolOf('rest', [ours]),
    ],
  })
  const event = await rig.send()
  assert.deepEqual([event?.type, event?.source, event?.attempt], ['delivered', 'ours', 1])
  assert.equal(rig.events.length, 1)
  assert.match(event?.transcript ?? '', /^[^]*\* Not over relay: [^]*C: MAIL FROM/)
})

test('a relay that is asked too much passes the message on to the next one', async (t) => {
  const mx = await receivers(t)
  const api = await postmark(t, () => ({ status: 429, body: '{"ErrorCode":429,"Message":"slow down"}' }))
  const relay = await smtp(t)
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', [postmarkAt(api.port)], 'rest'), poolOf('rest', [smarthostAt('r', relay.port)])],
    secrets: { pm: 'token' },
  })
  const event = await rig.send()
  assert.deepEqual([event?.type, event?.source], ['sent', 'r'])
  assert.equal(relay.accepted.length, 1)
  const next = await rig.send()
  assert.equal(next?.source, 'r')
  assert.equal(api.requests.length, 1, 'while it rests nothing is given to it')
})

test('a connection lost after the final dot is in doubt and not sent elsewhere', async (t) => {
  const mx = await receivers(t)
  const cut = await smtp(t, {
    answer: ({ verb }) => (verb === 'CONTENT' ? { do: 'cut' } : undefined),
  })
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', [smarthostAt('relay', cut.port)], 'rest'), poolOf('rest', [ours])],
  })
  const event = await rig.send()
  assert.deepEqual([event?.type, event?.inDoubt, event?.source], ['deferred', true, 'relay'])
  assert.equal(mx.live.connections(), 0)
})

test('an answer of an API that leaves a doubt is not sent elsewhere', async (t) => {
  const mx = await receivers(t)
  for (const step of ['cut', { status: 504, body: 'gateway' }] as const) {
    const api = await postmark(t, () => step)
    const rig = await startSending(t, {
      ...mx,
      pools: [poolOf('main', [postmarkAt(api.port)], 'rest'), poolOf('rest', [ours])],
      secrets: { pm: 'token' },
    })
    const event = await rig.send()
    assert.deepEqual([event?.type, event?.inDoubt, event?.source], ['deferred', true, 'pm'])
  }
  assert.equal(mx.live.connections(), 0)
})

test('an attempt goes elsewhere twice at most', async (t) => {
  const mx = await receivers(t)
  const port = await closedPort()
  const sources = ['a', 'b', 'c'].map((name) => smarthostAt(name, port, ELSEWHERE))
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', sources, 'rest'), poolOf('rest', [ours])],
  })
  const event = await rig.send()
  assert.notEqual(event?.type, 'delivered')
  assert.equal(event?.transcript?.match(/\* Not over/g)?.length, 2)
})

test('a receiver that one address of ours cannot reach is not tried from the other ones at once', async (t) => {
  const port = await closedPort()
  const other: LaneSource = { id: 'other', name: 'other' }
  const rig = await startSending(t, {
    mxPort: { live: port, sandbox: port },
    pools: [poolOf('main', [ours, other])],
  })
  const event = await rig.send()
  assert.notEqual(event?.type, 'delivered')
  assert.doesNotMatch(event?.transcript ?? '', /Not over/)
})

test('a receiver that cannot be reached from here is left to a relay', async (t) => {
  const port = await closedPort()
  const relay = await smtp(t, { address: '127.0.0.2' })
  const rig = await startSending(t, {
    mxPort: { live: port, sandbox: port },
    pools: [poolOf('main', [ours], 'rest'), poolOf('rest', [smarthostAt('relay', relay.port, ELSEWHERE)])],
  })
  const event = await rig.send()
  assert.deepEqual([event?.type, event?.source], ['sent', 'relay'])
})

test('a relay whose settings make none takes nothing, and says what is wrong', async (t) => {
  const mx = await receivers(t)
  const broken = smarthostAt('relay', 25, { tls: 'perhaps' })
  const rig = await startSending(t, {
    ...mx,
    pools: [poolOf('main', [broken], 'rest'), poolOf('rest', [ours])],
  })
  assert.equal((await rig.send())?.source, 'ours')
  assert.match(rig.relays.closed(broken)?.reason ?? '', /tls/)
})

test('a relay that is set up anew is spoken to as it is now', async (t) => {
  const mx = await receivers(t)
  const [one, two] = [await smtp(t), await smtp(t)]
  const pools = [poolOf('main', [smarthostAt('relay', one.port)])]
  const rig = await startSending(t, { ...mx, pools })
  await rig.send()
  const changed = smarthostAt('relay', two.port)
  pools[0] = poolOf('main', [changed])
  rig.relays.keep([changed])
  await rig.send()
  assert.deepEqual([one.accepted.length, two.accepted.length], [1, 1])
})
