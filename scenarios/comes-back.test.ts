import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  metricsOf,
  type Account,
  type Metrics,
} from './account.ts'
import { proveReconciled, recipientsOf } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const CONTACTS = 300
const DOMAIN = 'plain.example'
/** Everything soon; what a person does comes after what machines do. */
const SOON = {
  bounce_share: 0.1,
  bounce_delay_ms: 300,
  complaint_share: 0.05,
  complaint_delay_ms: 500,
  complaint_format: 'arf_redacted',
  prefetch_share: 0.1,
  open_share: 0.5,
  open_delay_ms: 600,
  click_share: 0.5,
  click_delay_ms: 600,
  unsubscribe_share: 0.06,
  unsubscribe_delay_ms: 700,
  auto_reply_share: 0.1,
  auto_reply_delay_ms: 300,
} as const
const HTML =
  '<p>Dear {{ first_name }}, <a href="https://shop.example/new">look</a> or <a href="{{ unsubscribe_url }}">leave</a>.</p>'

test('what simulated people and servers do afterwards is what the report says, to the last one', async (t) => {
  const account = await sharedAccount()
  const { windtunnel } = account.platform
  const habits = (await windtunnel.afterwards()).providers['plain']
  assert.ok(habits, 'there is a provider called plain')
  t.after(async () => {
    await windtunnel.switchAfterwards(false)
    await windtunnel.changeAfterwards('plain', habits)
  })
  await windtunnel.changeAfterwards('plain', SOON)
  await windtunnel.switchAfterwards(true)
  const listId = await listOf(account, 'Afterwards', contactsCsv(CONTACTS, [DOMAIN], 'after'))
  const id = await createCampaign(account, { listId, html: HTML })
  await act(account, id, 'send')
  await campaignEnd(account, id)
  const counts = await everythingCame(account)
  const startedAt = performance.now()
  const wanted = {
    bounced: counts.bounce,
    complained: counts.complaint,
    unsubscribed: counts.unsubscribe,
    opened: counts.open,
    clicked: counts.click,
    balanced: true,
  }
  for (const [what, count] of Object.entries(wanted)) assert.ok(count, `nobody ${what}`)
  const told = await ask('the report to say so', async () => {
    const figures = figuresOf(await metricsOf(account, id))
    return JSON.stringify(figures) === JSON.stringify(wanted) ? figures : undefined
  }).catch(async () => figuresOf(await metricsOf(account, id)))
  assert.deepEqual(told, wanted)
  t.diagnostic(`in the report ${Math.round(performance.now() - startedAt)} ms after the last had come`)

  const states = Map.groupBy(await recipientsOf(account, id), (each) => each.state)
  const bounced = (states.get('bounced') ?? []).map((each) => each.recipient)
  assert.equal(bounced.length, counts.bounce)
  for (const email of bounced.slice(0, 5)) {
    const { data } = await take(account.pigeon.GET('/v1/suppressions', { params: { query: { email } } }))
    assert.deepEqual(
      data.map(({ reason }) => reason),
      ['hard_bounce'],
      email,
    )
  }
  await proveReconciled(account)
})

test('who leaves while a campaign is under way gets nothing of it that was not sent yet', async (t) => {
  const account = await sharedAccount()
  const listId = await listOf(account, 'Leaving', contactsCsv(CONTACTS, [DOMAIN], 'leaver'))
  const first = await createCampaign(account, { listId })
  await act(account, first, 'send')
  await campaignEnd(account, first)
  const leaving = 'leaver7@plain.example'
  const link = await oneClickOf(account, first, leaving)

  const lane = { mode: 'sandbox', provider: await providerOf(account, leaving) } as const
  // Also when something below has failed; else it is resumed already, which is refused.
  t.after(() => account.pigeon.POST('/v1/lanes/resume', { body: lane }).catch(() => undefined))
  await take(account.pigeon.POST('/v1/lanes/pause', { body: { ...lane, reason: 'Nobody gets it yet.' } }))
  await ask('the lane to be paused', async () => {
    const { data } = await take(account.pigeon.GET('/v1/lanes'))
    return data.some(({ provider, state }) => provider === lane.provider && state === 'paused')
  })
  const id = await createCampaign(account, { listId })
  await act(account, id, 'send')
  await ask('all of them to be accepted', async () => (await metricsOf(account, id)).accepted === CONTACTS)
  const reply = await fetch(link, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  })
  assert.equal(reply.status, 200)
  await take(account.pigeon.POST('/v1/lanes/resume', { body: lane }))
  const { states } = await campaignEnd(account, id)
  assert.deepEqual([states.suppressed, states.delivered], [1, CONTACTS - 1])
  const of = (await recipientsOf(account, id)).find((each) => each.recipient === leaving)
  assert.equal(of?.state, 'suppressed')
})

/** How often each thing was done, when everything that was planned has been done. */
async function everythingCame({ platform: { windtunnel } }: Account): Promise<Record<Kind, number>> {
  return ask('everything to come back', async () => {
    const { pending, counts } = await windtunnel.afterwards()
    if (pending > 0) return undefined
    for (const [kind, ends] of Object.entries(counts)) assert.equal(ends.done, ends.planned, kind)
    const done = (kind: Kind): number => counts[kind]?.done ?? 0
    return Object.fromEntries(KINDS.map((kind) => [kind, done(kind)])) as Record<Kind, number>
  })
}

const KINDS = ['bounce', 'complaint', 'unsubscribe', 'open', 'click'] as const
type Kind = (typeof KINDS)[number]

function figuresOf(metrics: Metrics) {
  return {
    bounced: metrics.states.bounced,
    complained: metrics.complained_count,
    unsubscribed: metrics.unsubscribed_count,
    opened: metrics.opened_count,
    clicked: metrics.clicked_count,
    balanced: metrics.balanced,
  }
}

async function providerOf({ pigeon, from }: Account, to: string): Promise<string> {
  return (await take(pigeon.POST('/v1/explain', { body: { to, from } }))).provider?.name ?? ''
}

/** The address to which a mail program would post (RFC 8058). */
async function oneClickOf(account: Account, campaignId: string, recipient: string): Promise<string> {
  const { data } = await account.platform.windtunnel.messages({ campaign: campaignId, limit: 500 })
  const mail = data.find((each) => each.rcpt_to.includes(recipient))
  assert.ok(mail, `${recipient} got it`)
  const raw = (await account.platform.windtunnel.raw(mail.sequence))?.toString() ?? ''
  const link = /^List-Unsubscribe: <(http[^>]+)>/m.exec(raw)?.[1]
  assert.ok(link, 'with a link to leave')
  return link
}
