import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { manualClock } from '@pigeon/server/test/manual-clock.ts'
import { createLog } from '#platform/log.ts'
import { loadShaping, parseShaping } from './shaping.ts'

const quietLog = createLog({ level: 'silent', role: 'test' })
const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
const shipped = await loadShaping({ log: quietLog, clock, file: undefined })

async function own(t: TestContext, content: object) {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-shaping-'))
  t.after(() => rm(dir, { recursive: true }))
  const file = join(dir, 'shaping.json')
  let saved = 0
  const save = async (text: string): Promise<void> => {
    await writeFile(file, text)
    await utimes(file, new Date(), new Date(Date.UTC(2026, 0, 1) + ++saved * 1_000))
  }
  await save(JSON.stringify(content))
  return { save, shaping: await loadShaping({ log: quietLog, clock, file }) }
}

test('a provider has its own limits, and the default ones where it says nothing', () => {
  const yahoo = shipped.limits('yahoo', []).lane
  assert.deepEqual([yahoo.maxMessagesPerConnection, yahoo.maxConnections, yahoo.idleMs], [20, 10, 30_000])
  const other = shipped.limits('mx.small.example', []).lane
  assert.deepEqual([other.maxMessagesPerConnection, other.maxConnections], [100, 20])
  assert.deepEqual(other.rates, [{ count: 200, perMs: 1_000 }])
  assert.deepEqual(shipped.limits('apple', []).lane.connectionRates, [])
})

test('an operator goes over what is shipped, a pool over the installation, a provider over all', async (t) => {
  const { shaping } = await own(t, {
    default: { lane: { connections: 3 }, tenant: { messages_per_hour: 1_000 } },
    providers: { google: { lane: { messages_per_day: 500 }, provider: { connections: 40 } } },
    pools: {
      cold: {
        default: { lane: { connections: 1 } },
        providers: { google: { lane: { messages_per_day: null } } },
      },
    },
    tenant: { messages_per_second: 50 },
  })
  assert.equal(shaping.limits('small.example', ['warm']).lane.maxConnections, 3)
  assert.equal(shaping.limits('small.example', ['cold']).lane.maxConnections, 1)
  assert.equal(shaping.limits('google', ['cold']).lane.maxConnections, 20)
  const google = shaping.limits('google', ['warm'])
  assert.deepEqual(google.lane.rates, [
    { count: 200, perMs: 1_000 },
    { count: 500, perMs: 86_400_000 },
  ])
  assert.equal(google.provider.maxConnections, 40)
  assert.deepEqual(google.tenant.rates, [{ count: 1_000, perMs: 3_600_000 }])
  assert.equal(shaping.limits('google', ['cold']).lane.rates.length, 1)
  assert.deepEqual(shaping.tenant().rates, [{ count: 50, perMs: 1_000 }])
})

test('a changed file is in force without a restart, and a broken one changes nothing', async (t) => {
  const { shaping, save } = await own(t, { default: { lane: { connections: 3 } } })
  assert.equal(await shaping.reload(), false)
  await save('{"default": {"lane": {"connections": 4}}}')
  assert.equal(await shaping.reload(), true)
  assert.equal(shaping.limits('x.example', []).lane.maxConnections, 4)
  await save('{"default": {"lane": {"connections": 0}}}')
  assert.equal(await shaping.reload(), false)
  assert.equal(shaping.limits('x.example', []).lane.maxConnections, 4)
  await save('{"default": {"lane": {"connections": 5}}}')
  assert.equal(await shaping.reload(), true)
  assert.equal(shaping.limits('x.example', []).lane.maxConnections, 5)
})

test('limits are the same object until the file changes, so that what was counted against them stays', async (t) => {
  const { shaping, save } = await own(t, { tenant: { messages_per_hour: 10 } })
  const before = { tenant: shaping.tenant(), small: shaping.limits('small.example', []) }
  assert.equal(shaping.tenant(), before.tenant)
  assert.equal(shaping.limits('small.example', []), before.small)
  await save('{"tenant": {"messages_per_hour": 20}}')
  await shaping.reload()
  assert.deepEqual(shaping.tenant().rates, [{ count: 20, perMs: 3_600_000 }])
  assert.notEqual(shaping.limits('small.example', []), before.small)
})

test('a file that is not sound is refused by file and field', () => {
  assert.throws(() => parseShaping('{', 'own.json'), /^Error: own\.json is not JSON/)
  assert.throws(
    () => parseShaping('{"providers": {"google": {"lane": {"connections": -1}}}}', 'own.json'),
    /own\.json is not a shaping file: .*providers\.google\.lane\.connections/,
  )
  assert.throws(() => parseShaping('{"defaults": {}}', 'own.json'), /own\.json is not a shaping file/)
})
