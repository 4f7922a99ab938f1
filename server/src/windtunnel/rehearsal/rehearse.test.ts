import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '#platform/problem.ts'
import type { HabitsChange } from '#windtunnel/habits.schema.ts'
import { loadProfiles } from '#windtunnel/load-profiles.ts'
import { DAY_MS, HOUR_MS } from '#windtunnel/rates.ts'
import type { ProviderForecast, RehearsalInput, RehearsalSource } from './rehearsal.ts'
import { doublingWaits, profileFor, rehearse } from './rehearse.ts'

const profiles = await loadProfiles()
const SOURCE: RehearsalSource = {
  ip: '192.0.2.1',
  limits: { maxConnections: 10, messagesPerConnection: 100 },
}
const INPUT: RehearsalInput = {
  seed: 1,
  recipients: [],
  sources: [SOURCE],
  retry: {
    waitsMs: doublingWaits(300_000, 4 * HOUR_MS),
    jitter: 0.25,
    expiresMs: 3 * DAY_MS,
    slowMs: 60_000,
    suspendMs: 30 * 60_000,
    maxPauseMs: 4 * HOUR_MS,
  },
  sender: { domain: 'news.example', isSpfAligned: true, isDkimAligned: true },
  timing: { connectMs: 300, messageMs: 100, idleMs: 5000 },
}

/** One provider that has no habits but these. */
async function rehearseOne(
  provider: string,
  count: number,
  habits: HabitsChange,
  input: Partial<RehearsalInput> = {},
): Promise<ProviderForecast> {
  const plain = profileFor(profiles, 'plain').habits
  const deps = { profiles, habitsOf: () => ({ ...plain, ...habits }) }
  const forecast = await rehearse(deps, { ...INPUT, recipients: [{ provider, count }], ...input })
  const [only] = forecast.providers
  assert.ok(only)
  const bounced = Object.values(only.bounced).reduce((sum, each) => sum + each, 0)
  assert.equal(only.delivered + bounced + only.expired, count, 'everybody is accounted for')
  return only
}

const isNear = (value: number, expected: number, share = 0.05) =>
  assert.ok(Math.abs(value - expected) <= share * expected, `${value} is not about ${expected}`)

test('where nothing stands in the way the connections decide how long it takes', async () => {
  const forecast = await rehearseOne('plain', 10_000, {})
  assert.equal(forecast.delivered, 10_000)
  assert.equal(forecast.attempts, 10_000)
  assert.equal(forecast.connections, 100)
  assert.equal(forecast.limitedBy, 'connections')
  isNear(forecast.durationMs, (10_000 * 100) / 10 + 10 * 300)
  const twice = await rehearseOne('plain', 10_000, {}, { sources: [SOURCE, { ...SOURCE, ip: '192.0.2.2' }] })
  isNear(twice.durationMs, forecast.durationMs / 2)
  assert.deepEqual(
    twice.sources.map(({ delivered }) => delivered),
    [5000, 5000],
  )
})

test('our own rate decides when it is lower, and is kept', async () => {
  const limits = { ...SOURCE.limits, perMinute: 60 }
  const forecast = await rehearseOne('plain', 3600, {}, { sources: [{ ...SOURCE, limits }] })
  isNear(forecast.durationMs, HOUR_MS)
  assert.equal(forecast.limitedBy, 'own_limits')
  const busiest = Math.max(...forecast.series.points.map(({ delivered }) => delivered))
  assert.ok(busiest <= forecast.series.everyMs / 1000 + 1)
})

test('a limit for one provider goes before the one of the source', async () => {
  const source = { ...SOURCE, providers: { plain: { perSecond: 1 } } }
  isNear((await rehearseOne('plain', 1000, {}, { sources: [source] })).durationMs, 1_000_000)
  isNear((await rehearseOne('gmx', 1000, {}, { sources: [source] })).durationMs, 10_300)
})

test('a warm-up plan spreads a send over days, and what does not fit in a message’s life expires', async () => {
  const limits = { ...SOURCE.limits, warmup: [100, 200, 400, 800] }
  const sources = [{ ...SOURCE, limits }]
  const fits = await rehearseOne('plain', 600, {}, { sources })
  assert.equal(fits.delivered, 600)
  assert.equal(fits.limitedBy, 'warmup')
  assert.ok(fits.durationMs > 2 * DAY_MS && fits.durationMs < 2 * DAY_MS + HOUR_MS)
  const tooMany = await rehearseOne('plain', 1000, {}, { sources })
  assert.deepEqual([tooMany.delivered, tooMany.expired], [700, 300])
  assert.equal(tooMany.durationMs, 3 * DAY_MS)
})

test('where a life begins with the first attempt, what waits for its first grows no older', async () => {
  const limits = { ...SOURCE.limits, warmup: [100, 200, 400, 800] }
  const retry = { ...INPUT.retry, lifeFrom: 'first_attempt' } as const
  const forecast = await rehearseOne('plain', 1000, {}, { sources: [{ ...SOURCE, limits }], retry })
  assert.deepEqual([forecast.delivered, forecast.expired], [1000, 0])
  assert.ok(forecast.durationMs > 3 * DAY_MS)
  const full = await rehearseOne('plain', 100, { mailbox_full_share: 1 }, { retry })
  assert.deepEqual([full.delivered, full.expired], [0, 100])
  assert.ok(full.durationMs < 3 * DAY_MS)
})

test('greylisted mail comes back from the same source after the first wait', async () => {
  const sources = [SOURCE, { ...SOURCE, ip: '192.0.2.2' }, { ...SOURCE, ip: '198.51.100.3' }]
  const habits = { greylist_share: 1, greylist_delay_ms: 120_000 }
  const forecast = await rehearseOne('smallisp', 1000, habits, { sources })
  assert.equal(forecast.delivered, 1000)
  assert.deepEqual(forecast.deferred, { greylisted: 1000 })
  assert.equal(forecast.attempts, 2000, 'from another source it would have been greylisted again')
  assert.equal(forecast.limitedBy, 'retries')
  assert.ok(forecast.durationMs > 225_000 && forecast.durationMs < 400_000)
})

test('who is unknown bounces with the class that the rules for replies give, and full mailboxes are tried to the end', async () => {
  const forecast = await rehearseOne('google', 5000, { unknown_user_share: 0.1, mailbox_full_share: 0.01 })
  isNear(forecast.bounced.unknown_user ?? 0, 500, 0.2)
  isNear(forecast.expired, 50, 0.5)
  assert.ok((forecast.deferred.mailbox_full ?? 0) > 10 * forecast.expired)
  assert.ok(forecast.durationMs > 2.5 * DAY_MS && forecast.deliveredMs.nearlyAll < HOUR_MS)
})

test('addresses that are given have the fate they have in the windtunnel', async () => {
  const people = [
    'unknown1@gmail.com',
    'full@gmail.com',
    'reject@gmail.com',
    'tempfail2@gmail.com',
    'ann@gmail.com',
  ]
  const addressAt = (index: number) => people[index] ?? ''
  const forecast = await rehearseOne(
    'google',
    people.length,
    {},
    {
      recipients: [{ provider: 'google', count: people.length, addressAt }],
    },
  )
  assert.equal(forecast.delivered, 2)
  assert.equal(forecast.bounced.unknown_user, 1)
  assert.equal(forecast.expired, 1)
  assert.equal(forecast.deferred.system, 2)
})

test('a provider’s rate puts mail off, and is told as what limits', async () => {
  const habits = { messages_per_second: 5, burst: 50 }
  const forecast = await rehearseOne('google', 3000, habits)
  assert.equal(forecast.delivered, 3000)
  assert.equal(forecast.limitedBy, 'provider')
  assert.ok((forecast.deferred.rate_limited ?? 0) > 10)
  assert.ok(forecast.durationMs > ((3000 - 50) / 5) * 1000, 'no faster than the provider allows')
})

test('connections beyond the provider’s limit are refused at no message’s cost', async () => {
  const forecast = await rehearseOne('yahoo', 2000, { connections_per_address: 2 })
  assert.equal(forecast.delivered, 2000)
  assert.equal(forecast.attempts, 2000)
  assert.ok(forecast.refusedConnections >= 8)
  isNear(forecast.durationMs, (2000 * 100) / 2, 0.1)
})

test('a connection that is closed after so many messages costs connecting again', async () => {
  const silent = { messages_per_connection: 20, closes_silently: true }
  const forecast = await rehearseOne('yahoo', 2000, silent)
  assert.equal(forecast.connections, 100)
  assert.equal(forecast.attempts, 2000)
})

test('an address nobody knows loses its reputation when it sends at full speed; one that is known does not', async () => {
  const { habits } = profileFor(profiles, 'microsoft')
  const rehearsed = async (daysKnown: number) =>
    rehearseOne('microsoft', 20_000, habits, { sources: [{ ...SOURCE, daysKnown }] })
  const cold = await rehearsed(0)
  const warm = await rehearsed(60)
  assert.equal(warm.delivered + warm.expired + (warm.bounced.unknown_user ?? 0), 20_000)
  assert.ok(warm.delivered > 19_500)
  assert.ok((warm.sources[0]?.reputation ?? 0) > 95)
  assert.ok(cold.delivered < 10_000)
  assert.ok((cold.deferred.reputation ?? 0) > 100)
})

test('mail that nobody vouches for bounces at once where that is asked for', async () => {
  const sender = { domain: 'news.example', isSpfAligned: false, isDkimAligned: false }
  const forecast = await rehearseOne('google', 100, { requires_authentication: 'either' }, { sender })
  assert.deepEqual(forecast.bounced, { auth_failure: 100 })
})

test('two rehearsals with one seed are the same, another seed gives another', async () => {
  const recipients = ['google', 'microsoft', 'yahoo', 'smallisp'].map((provider) => ({
    provider,
    count: 2000,
  }))
  const run = (seed: number) => rehearse({ profiles }, { ...INPUT, seed, recipients })
  const first = await run(3)
  assert.deepEqual(await run(3), first)
  assert.notDeepEqual(await run(4), first)
  assert.equal(first.recipients, 8000)
  assert.equal(first.delivered + first.bounced + first.expired, 8000)
})

test('providers are found by name, by what reports call them and by their hosts; a stranger is a small server', () => {
  const found = [
    'google',
    'microsoft365',
    'greylister.example',
    'mail.protection.outlook.com',
    'some-company.example',
  ]
  assert.deepEqual(
    found.map((provider) => profileFor(profiles, provider).name),
    ['google', 'microsoft365', 'greylister', 'microsoft365', 'smallisp'],
  )
})

test('two hundred thousand recipients are rehearsed in bounded memory, and can be given up', async () => {
  const recipients = [{ provider: 'smallisp', count: 200_000 }]
  const forecast = await rehearse(
    { profiles, habitsOf: (profile) => profile.gentleHabits },
    { ...INPUT, recipients },
  )
  assert.equal(forecast.delivered + forecast.bounced + forecast.expired, 200_000)
  const [provider] = forecast.providers
  assert.ok((provider?.series.points.length ?? 0) <= 128)
  const signal = AbortSignal.abort(new Error('enough'))
  await assert.rejects(rehearse({ profiles }, { ...INPUT, recipients }, signal), /enough/)
})

test('what cannot be rehearsed is refused with a sentence', async () => {
  const recipients = [{ provider: 'google', count: 1 }]
  const bad: Partial<RehearsalInput>[] = [
    { sources: [] },
    { sources: [{ ...SOURCE, limits: { maxConnections: 0, messagesPerConnection: 1 } }] },
    { recipients: [{ provider: 'google', count: 1e9 }] },
    { recipients: [{ provider: 'google', count: 1.5 }] },
    { retry: { ...INPUT.retry, waitsMs: [] } },
    { retry: { ...INPUT.retry, slowMs: 0 } },
  ]
  for (const change of bad)
    await assert.rejects(rehearse({ profiles }, { ...INPUT, recipients, ...change }), Problem)
})

test('waits double from the first to the longest', () => {
  assert.deepEqual(doublingWaits(5, 60), [5, 10, 20, 40, 60])
  assert.deepEqual(doublingWaits(300, 60), [60])
})
