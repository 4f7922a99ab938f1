import assert from 'node:assert/strict'
import { test } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { converse } from './conversation.ts'
import { DAY_MS, HOUR_MS } from './rates.ts'
import { runWindtunnel } from './running-windtunnel.ts'
import { MESSAGE, offer, send } from './transactions.ts'

/** Nobody is unknown or full by chance, and nobody asks who sends. */
const NO_CHANCE = {
  unknown_user_share: 0,
  mailbox_full_share: 0,
  temporary_failure_share: 0,
  slow_share: 0,
  requires_authentication: 'nothing' as const,
}
const [HERE, THERE] = ['127.0.0.1', '127.0.0.77']

test('google limits each address and each sender domain by the hour, with 421 4.7.28', async (t) => {
  const clock = manualClock()
  const google = { ...NO_CHANCE, ip_messages_per_hour: 2, domain_messages_per_hour: 3 }
  const { visit } = await runWindtunnel(t, { clock, habits: { google } })
  const [one, two] = [await visit('google', HERE), await visit('google', THERE)]
  assert.match(await send(one, 'ann@gmail.com'), /^250 /)
  assert.match(await send(one, 'bob@gmail.com'), /^250 /)
  assert.match(
    await offer(one, 'cyd@gmail.com'),
    /^421-4\.7\.28 .*unusual rate[^]*IP address \[127\.0\.0\.1\]/,
  )
  await one.closed()
  assert.match(await send(two, 'ann@gmail.com'), /^250 /, 'another address has its own number')
  assert.match(await offer(two, 'bob@gmail.com'), /^421-4\.7\.28 .*[^]*SPF domain \[news\.example\]/)
  const third = await visit('google', THERE)
  assert.match(await send(third, 'bob@gmail.com', MESSAGE, 'b-1@other.example'), /^250 /)
  await clock.advance(HOUR_MS)
  assert.match(await send(await visit('google'), 'cyd@gmail.com'), /^250 /, 'an hour later there is room')
})

test('google ends a connection after so many messages with a polite 421 to the next', async (t) => {
  const google = { ...NO_CHANCE, messages_per_connection: 3 }
  const { visit } = await runWindtunnel(t, { habits: { google } })
  const visitor = await visit('google')
  for (const name of ['ann', 'bob', 'cyd']) assert.match(await send(visitor, `${name}@gmail.com`), /^250 /)
  assert.match(await offer(visitor, 'dan@gmail.com'), /^421 4\.7\.0 .*oo many messages on this connection/)
  await visitor.closed()
  assert.match(await send(await visit('google'), 'dan@gmail.com'), /^250 /)
})

test('yahoo closes after twenty messages without a word, and takes more on the next connection', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: { yahoo: NO_CHANCE } })
  const visitor = await visit('yahoo')
  for (let message = 1; message <= 20; message++)
    assert.match(await send(visitor, `person${message}@yahoo.com`), /^250 /)
  await visitor.closed()
  assert.equal(await visitor.say('NOOP\r\n'), '')
  assert.match(await send(await visit('yahoo'), 'person21@yahoo.com'), /^250 /)
  const yahoo = (await client.providers()).find(({ name }) => name === 'yahoo')
  assert.deepEqual(yahoo?.outcomes, { accepted: 21 }, 'that is no refusal')
})

test('yahoo defers an address that sent too much with TSS04, for as long as the penalty lasts', async (t) => {
  const clock = manualClock()
  const yahoo = { ...NO_CHANCE, ip_messages_per_hour: 1, penalty_ms: 2 * HOUR_MS }
  const { visit } = await runWindtunnel(t, { clock, habits: { yahoo } })
  assert.match(await send(await visit('yahoo'), 'ann@yahoo.com'), /^250 /)
  assert.match(
    await offer(await visit('yahoo'), 'bob@yahoo.com'),
    /^421 4\.7\.0 \[TSS04\] Messages from 127\.0\.0\.1/,
  )
  await clock.advance(HOUR_MS + 60_000)
  assert.match(
    await offer(await visit('yahoo'), 'bob@yahoo.com'),
    /TSS04/,
    'the hour is over, the penalty is not',
  )
  await clock.advance(HOUR_MS)
  assert.match(await send(await visit('yahoo'), 'bob@yahoo.com'), /^250 /)
})

test('microsoft refuses a blocked address with S3150 until the block is over or lifted', async (t) => {
  const clock = manualClock()
  const { visit, client } = await runWindtunnel(t, { clock, habits: { microsoft: NO_CHANCE } })
  await client.block({ provider: 'microsoft', ip: HERE, for_ms: DAY_MS })
  const visitor = await visit('microsoft')
  assert.match(await offer(visitor, 'ann@outlook.com'), /^550 5\.7\.1 .*\[127\.0\.0\.1\].*\(S3150\)/)
  assert.match(await send(await visit('microsoft', THERE), 'ann@outlook.com'), /^250 /)
  const source = (await client.sources()).find(({ ip }) => ip === HERE)
  assert.equal(source?.blocked, true)
  assert.equal(source?.blocked_for_ms, DAY_MS)
  await clock.advance(DAY_MS)
  assert.match(await send(visitor, 'ann@outlook.com'), /^250 /)
  await client.block({ provider: 'microsoft', ip: HERE, for_ms: DAY_MS })
  await client.unblock({ provider: 'microsoft', ip: HERE })
  assert.match(await send(visitor, 'bob@outlook.com'), /^250 /)
})

test('yahoo, gmx and comcast tell a blocked address at the door', async (t) => {
  const { windtunnel, client } = await runWindtunnel(t)
  for (const provider of ['yahoo', 'gmx', 'comcast']) {
    await client.block({ provider, ip: HERE, for_ms: HOUR_MS })
    const { greeting, closed } = await converse(windtunnel.addressOf(provider), windtunnel.smtpPort)
    assert.match(greeting, /^55[34] /, provider)
    await closed()
  }
})

test('microsoft slows an address of bad reputation with RP-001, blocks a worse one, and forgives in time', async (t) => {
  const clock = manualClock()
  const microsoft = {
    ...NO_CHANCE,
    warmup_full_day: 100,
    unknown_tolerance: 0.1,
    poor_reputation: 80,
    blocked_reputation: 30,
    recovery_per_day: 20,
  }
  const { visit, client } = await runWindtunnel(t, { clock, habits: { microsoft } })
  const visitor = await visit('microsoft')
  assert.match(await send(visitor, 'ann@outlook.com'), /^250 /)
  // Ten unknown recipients in an allowance of a hundred are all that is tolerated.
  for (let wrong = 0; wrong < 6; wrong++)
    assert.match(await offer(visitor, `unknown${wrong}@outlook.com`), /^550 5\.1\.1|^421 RP-001/)
  const replies: string[] = []
  for (let more = 0; more < 30; more++)
    replies.push(await offer(await visit('microsoft'), `unknown${more}x@outlook.com`))
  assert.ok(replies.some((reply) => reply.startsWith('421 RP-001 ')))
  assert.match(replies.at(-1) ?? '', /\(S3150\)/)
  const [source] = await client.sources()
  assert.ok((source?.reputation ?? 100) < 30)
  assert.equal(source?.blocked, true)
  await clock.advance(4 * DAY_MS)
  assert.match(await send(await visit('microsoft'), 'ann@outlook.com'), /^250 /)
})

test('microsoft defers an address that is above its number of the hour with RP-001, until its penalty is over', async (t) => {
  const clock = manualClock()
  const microsoft = { ...NO_CHANCE, ip_messages_per_hour: 1, penalty_ms: 2 * HOUR_MS, warmup_full_day: 0 }
  const { visit } = await runWindtunnel(t, { clock, habits: { microsoft } })
  assert.match(await send(await visit('microsoft'), 'ann@outlook.com'), /^250 /)
  assert.match(await offer(await visit('microsoft'), 'bob@outlook.com'), /^421 RP-001 .*per hour and per day/)
  assert.match(await send(await visit('microsoft', THERE), 'bob@outlook.com'), /^250 /)
  await clock.advance(HOUR_MS + 60_000)
  assert.match(await offer(await visit('microsoft'), 'bob@outlook.com'), /^421 RP-001 /)
  await clock.advance(HOUR_MS)
  assert.match(await send(await visit('microsoft'), 'bob@outlook.com'), /^250 /)
})

test('microsoft, yahoo and apple refuse a connection too many of one address, each in its own words', async (t) => {
  const two = { ...NO_CHANCE, connections_per_address: 2 }
  const { windtunnel, visit } = await runWindtunnel(t, {
    habits: { microsoft: two, yahoo: two, apple: two },
  })
  for (const [provider, words] of [
    ['microsoft', /^421 RP-003 .*exceeded the connection limit/],
    ['yahoo', /^421 4\.7\.0 \[CON01\] Too many connections/],
    ['apple', /^421 .*oo many connections/],
  ] as const) {
    await visit(provider, HERE)
    await visit(provider, HERE)
    const third = await converse(windtunnel.addressOf(provider), windtunnel.smtpPort, HERE)
    assert.match(third.greeting, words, provider)
    await third.closed()
    await visit(provider, THERE)
  }
})

test('microsoft 365 is a provider of its own, behind the MX of other domains', async (t) => {
  const { windtunnel, client, visit } = await runWindtunnel(t, { habits: { microsoft365: NO_CHANCE } })
  assert.notEqual(windtunnel.addressOf('microsoft365'), windtunnel.addressOf('microsoft'))
  assert.match(
    await send(await visit('microsoft365'), 'ann@contoso.example'),
    /^250 2\.6\.0 .*mail\.protection/,
  )
  assert.equal((await client.recipient('ann@contoso.example')).provider, 'microsoft365')
})

test('apple takes five messages a connection and orange two connections an address', async (t) => {
  const published = { settings: { habits: 'published' as const } }
  const { windtunnel, visit } = await runWindtunnel(t, { ...published, habits: { apple: NO_CHANCE } })
  const apple = await visit('apple')
  for (let message = 0; message < 5; message++)
    assert.match(await send(apple, `person${message}@icloud.com`), /^250 /)
  assert.match(await offer(apple, 'ann@icloud.com'), /^421 /)
  await visit('orange')
  await visit('orange')
  const third = await converse(windtunnel.addressOf('orange'), windtunnel.smtpPort)
  assert.match(third.greeting, /^421 .*OFR_108/)
})

test('greylisting begins anew when another address comes, unless it is of the same network', async (t) => {
  const clock = manualClock()
  const smallisp = { ...NO_CHANCE, greylist_delay_ms: 300_000, cut_share: 0 }
  const greylister = { greylist_delay_ms: 300_000 }
  const { visit } = await runWindtunnel(t, { clock, habits: { smallisp, greylister } })
  assert.match(await offer(await visit('smallisp'), 'ann@smallisp.example'), /^451 4\.7\.1 /)
  assert.match(await offer(await visit('greylister'), 'ann@greylister.example'), /^451 4\.7\.1 /)
  await clock.advance(300_000)
  assert.match(await offer(await visit('smallisp', THERE), 'ann@smallisp.example'), /^451 4\.7\.1 /)
  assert.match(await offer(await visit('smallisp'), 'ann@smallisp.example'), /^250 /)
  assert.match(await offer(await visit('greylister', THERE), 'ann@greylister.example'), /^250 /, 'of one /24')
})

test('a tarpit greets and answers late, in real time', async (t) => {
  const clock = manualClock()
  const tarpit = { banner_delay_ms: 20_000, step_delay_ms: 10_000 }
  const { windtunnel, client } = await runWindtunnel(t, { clock, habits: { tarpit } })
  await client.changeTime({ scale: 10_000 })
  const visiting = converse(windtunnel.addressOf('tarpit'), windtunnel.smtpPort)
  const late = async (ms: number) => {
    await waitFor('the delay to begin', () => clock.sleepers() === 1)
    await clock.advance(ms - 1)
    assert.equal(clock.sleepers(), 1, 'not yet')
    await clock.advance(1)
  }
  await late(20_000)
  const visitor = await visiting
  t.after(() => visitor.end())
  assert.match(visitor.greeting, /^220 /)
  const answer = visitor.say('EHLO sender.example\r\n')
  await late(10_000)
  assert.match(await answer, /^250-/)
})

test('time runs as fast as it is told, and moves on when it is told', async (t) => {
  const clock = manualClock()
  const greylister = { greylist_delay_ms: 300_000 }
  const { visit, client } = await runWindtunnel(t, { clock, habits: { greylister } })
  await client.changeTime({ scale: 1440 })
  const visitor = await visit('greylister')
  assert.match(await offer(visitor, 'ann@greylister.example'), /^451 /)
  await clock.advance(209)
  assert.match(
    await offer(visitor, 'ann@greylister.example'),
    /^250 /,
    'five minutes of a day that takes one',
  )
  await client.changeTime({ scale: 1 })
  assert.match(await offer(visitor, 'bob@greylister.example'), /^451 /)
  const before = await client.time()
  const after = await client.changeTime({ advance_ms: 300_000 })
  assert.equal(after.passed_ms - before.passed_ms, 300_000)
  assert.match(await offer(visitor, 'bob@greylister.example'), /^250 /)
  await assert.rejects(client.changeTime({ scale: 0 }), { code: 'windtunnel.bad_body' })
})

test('who would complain follows from the seed and can be asked, and complaints cost reputation', async (t) => {
  const google = { ...NO_CHANCE, complaint_share: 0.2, warmup_full_day: 1000, complaint_tolerance: 0.01 }
  const { visit, client } = await runWindtunnel(t, { habits: { google } })
  const people = Array.from({ length: 50 }, (_, index) => `person${index}@gmail.com`)
  const facts = await Promise.all(people.map((address) => client.recipient(address)))
  const complaining = facts.filter((fact) => fact.would_complain).length
  assert.ok(complaining > 3 && complaining < 20)
  assert.deepEqual(await Promise.all(people.map((address) => client.recipient(address))), facts)
  assert.deepEqual(await client.recipient('unknown.ann@gmail.com'), {
    address: 'unknown.ann@gmail.com',
    provider: 'google',
    fate: 'unknown_user',
    would_complain: false,
  })
  const visitor = await visit('google')
  const untroubled = facts.filter((fact) => !fact.would_complain).slice(0, 3)
  for (const { address } of untroubled) assert.match(await send(visitor, address), /^250 /)
  assert.equal((await client.sources())[0]?.reputation, 100)
  assert.match(await send(visitor, 'complaining.cyd@gmail.com'), /^250 /)
  assert.equal((await client.sources())[0]?.reputation, 90, 'ten in a thousand are all that is tolerated')
})
