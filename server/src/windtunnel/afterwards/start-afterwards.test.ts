import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { readReturnedMail } from '@pigeon/mail/bounces/read-returned-mail.ts'
import { startScriptedApi } from '@pigeon/server/test/scripted-api.ts'
import { startScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import type { ScriptedSmtpOptions } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { runWindtunnel } from '#windtunnel/running-windtunnel.ts'
import { send } from '#windtunnel/transactions.ts'
import type { AfterwardsChange } from './afterwards.schema.ts'

const FROM = 'bounces@in.news.example'
const HOUR_MS = 3_600_000
const ENOUGH_MS = 100 * HOUR_MS

interface Options {
  readonly habits: AfterwardsChange
  readonly smtp?: ScriptedSmtpOptions
  readonly maxPending?: number
}

/** A windtunnel that sends back to two servers of this test, which its DNS names for in.news.example alone. */
async function room(t: TestContext, { habits, smtp: script = {}, maxPending = 100 }: Options) {
  const smtp = await startScriptedSmtp(script)
  t.after(() => smtp.close())
  const api = await startScriptedApi({ answer: () => ({ status: 200 }) })
  t.after(() => api.close())
  const running = await runWindtunnel(t, {
    settings: { afterwards: { on: true, publicUrl: '', returnPort: smtp.port, maxPending } },
  })
  const { client } = running
  await client.publish([
    { name: 'in.news.example', type: 'MX', data: '10 mx.in.news.example' },
    { name: 'mx.in.news.example', type: 'A', data: '127.0.0.1' },
  ])
  const nothing = {
    bounce_share: 0,
    complaint_share: 0,
    open_share: 0,
    unsubscribe_share: 0,
    auto_reply_share: 0,
  }
  await client.changeAfterwards('plain', { ...nothing, ...habits })
  return {
    ...running,
    smtp,
    heard: api.requests,
    base: `http://127.0.0.1:${api.port}`,
    /** Gives a message to the provider and lets so much time pass that everything has come of it. */
    accept: async (content: string, mailFrom = FROM) => {
      const visit = await running.visit('plain')
      assert.match(await send(visit, 'ann@plain.example', content, mailFrom), /^250 /)
      visit.end()
    },
    /** Moves time on until nothing is pending; then how each kind ended, as far as it was planned. */
    ends: async () => {
      const state = await waitFor('everything that comes of the mail', async () => {
        await client.changeTime({ advance_ms: ENOUGH_MS })
        const state = await client.afterwards()
        return (
          state.pending === 0 &&
          Object.values(state.counts).some(({ planned }) => planned > 0) &&
          isSettled(state.counts) &&
          state
        )
      })
      return Object.fromEntries(
        Object.entries(state.counts).flatMap(([kind, counts]) => {
          const found = Object.entries(counts).filter(([end, count]) => end !== 'planned' && count > 0)
          return found.length === 0 ? [] : [[kind, Object.fromEntries(found)]]
        }),
      )
    },
  }
}

function isSettled(counts: Readonly<Record<string, { planned: number }>>): boolean {
  return Object.values(counts).every((ends) => {
    const ended = Object.values(ends).reduce((sum, count) => sum + count, 0) - ends.planned
    return ended === ends.planned
  })
}

const letter = (base: string, fields: readonly string[] = []) =>
  [
    'From: News <news@in.news.example>',
    'To: ann@plain.example',
    'Subject: Seeds',
    'Message-ID: <1@news.example>',
    `List-Unsubscribe: <${base}/u/token>, <mailto:u-1@in.news.example?subject=unsubscribe>`,
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click',
    ...fields,
    'Content-Type: text/html; charset=utf-8',
    '',
    `<a href="${base}/trap" style="display:none" aria-hidden="true"></a>`,
    `<p>Read <a href="${base}/seen?a=1&amp;b=2">more</a>, or <a href="https://elsewhere.example/x">there</a>.`,
    `<a href="${base}/u/token">unsubscribe</a></p><img src="${base}/pixel" width="1">`,
    '',
  ].join('\r\n')

test('accepted mail comes back later as a report to its envelope sender, from the null sender', async (t) => {
  const { accept, ends, smtp, client, base } = await room(t, {
    habits: { bounce_share: 1, bounce_delay_ms: HOUR_MS, bounce_format: 'exchange' },
  })
  await accept(letter(base))
  assert.equal((await client.afterwards()).counts.bounce?.planned, 1)
  assert.equal(smtp.accepted.length, 0, 'not at once')
  assert.deepEqual(await ends(), { bounce: { done: 1 } })
  const [mail] = smtp.accepted
  assert.deepEqual([mail?.mailFrom, mail?.rcptTo], ['', [FROM]])
  const read = readReturnedMail(Buffer.from(mail?.content ?? ''))
  assert.deepEqual([read.kind, read.recipients[0]?.class], ['bounce', 'unknown_user'])
})

test('a server that has no time now is asked again; one that refuses is not', async (t) => {
  const { accept, ends, smtp, base } = await room(t, {
    habits: { complaint_share: 1, auto_reply_share: 1 },
    smtp: {
      answer: ({ verb, line, connection }) => {
        if (verb !== 'RCPT') return undefined
        if (line.includes('abuse@')) return '550 5.7.1 Not here\r\n'
        return connection < 4 ? '450 4.7.1 Later\r\n' : undefined
      },
    },
  })
  await accept(letter(base))
  assert.deepEqual(await ends(), { complaint: { refused: 1 }, auto_reply: { done: 1 } })
  assert.deepEqual([smtp.accepted.length, smtp.connections()], [1, 4])
})

test('a complaint, an automatic reply and a mail to unsubscribe each go where they should', async (t) => {
  const { accept, ends, smtp, base } = await room(t, {
    habits: { complaint_share: 1, auto_reply_share: 1, unsubscribe_share: 1, unsubscribe_by: 'mail' },
  })
  await accept(letter(base))
  assert.deepEqual(await ends(), {
    complaint: { done: 1 },
    unsubscribe: { done: 1 },
    auto_reply: { done: 1 },
  })
  const told = smtp.accepted.map(({ rcptTo, content }) => [
    rcptTo[0] ?? '',
    readReturnedMail(Buffer.from(content)).kind,
  ])
  assert.deepEqual(told.toSorted(), [
    ['abuse@in.news.example', 'complaint'],
    [FROM, 'auto_reply'],
    ['u-1@in.news.example', 'unknown'],
  ])
})

test('people load the pixel and click what they see; a scanner follows all that leads to us; one POST unsubscribes', async (t) => {
  const { accept, ends, heard, base } = await room(t, {
    habits: { open_share: 1, click_share: 1, prefetch_share: 1, scan_share: 1, unsubscribe_share: 1 },
  })
  await accept(letter(base))
  assert.deepEqual(await ends(), {
    prefetch: { done: 1 },
    scan: { done: 1 },
    open: { done: 1 },
    click: { done: 1 },
    unsubscribe: { done: 1 },
  })
  const asked = (agent: RegExp) =>
    heard
      .filter(({ headers }) => agent.test(String(headers['user-agent'])))
      .map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(asked(/Chrome\/140/), ['GET /pixel', 'GET /seen?a=1&b=2'])
  assert.deepEqual(asked(/Chrome\/79/), ['GET /trap', 'GET /seen?a=1&b=2', 'GET /u/token'])
  assert.deepEqual(asked(/^Mozilla\/5\.0$/), ['GET /pixel'])
  const posts = heard.filter(({ method }) => method === 'POST')
  assert.deepEqual(
    posts.map(({ path, body }) => [path, String(body)]),
    [['/u/token', 'List-Unsubscribe=One-Click']],
  )
})

test('what leads out of this machine is refused, and what a message does not offer is nothing', async (t) => {
  const { accept, ends, smtp, heard } = await room(t, {
    habits: { complaint_share: 1, open_share: 1, click_share: 1, scan_share: 1, unsubscribe_share: 1 },
  })
  await accept(letter('https://elsewhere.example'), 'bounces@elsewhere.example')
  assert.deepEqual(await ends(), {
    complaint: { refused: 1 },
    scan: { refused: 1 },
    open: { refused: 1 },
    click: { nothing: 1 },
    unsubscribe: { refused: 1 },
  })
  assert.deepEqual([smtp.accepted.length, heard.length], [0, 0])
})

test('nothing is planned while it is off, and reset forgets what was', async (t) => {
  const { accept, client, base } = await room(t, { habits: { bounce_share: 1, bounce_delay_ms: HOUR_MS } })
  await client.switchAfterwards(false)
  await accept(letter(base))
  assert.equal((await client.afterwards()).counts.bounce?.planned, 0)
  await client.switchAfterwards(true)
  await accept(letter(base))
  await waitFor('the report to be pending', async () => (await client.afterwards()).pending === 1)
  await client.reset()
  const { pending, counts } = await client.afterwards()
  assert.deepEqual([pending, counts.bounce?.planned], [0, 0])
})

test('what there is no room for is dropped and counted, and the rest comes all the same', async (t) => {
  const { accept, ends, client, base } = await room(t, {
    habits: { bounce_share: 1, bounce_delay_ms: HOUR_MS },
    maxPending: 1,
  })
  await accept(letter(base))
  await waitFor('the first to be pending', async () => (await client.afterwards()).pending === 1)
  await accept(letter(base))
  assert.deepEqual(await ends(), { bounce: { done: 1, dropped: 1 } })
})
