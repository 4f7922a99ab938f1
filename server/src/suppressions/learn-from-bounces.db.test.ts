import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { testDatabase, type TestScope } from '@pigeon/server/test/database.ts'
import { forgetBounces } from './forget-bounces.ts'
import { learnFromBounces, type Bounce } from './learn-from-bounces.ts'

const HOUR_MS = 3_600_000
const START = new Date('2026-03-01T08:00:00Z')
const after = (hours: number): Date => new Date(START.getTime() + hours * HOUR_MS)

async function place(scope: TestScope) {
  const database = await testDatabase(scope)
  const tenantId = randomUUID()
  const { engine, admin } = database
  const bounce = (recipient: string, more: Partial<Bounce> = {}): Bounce => ({
    tenantId,
    messageId: randomUUID(),
    mode: 'live',
    recipient,
    provider: 'google',
    class: 'unknown_user',
    isHard: true,
    at: START,
    ...more,
  })
  /** As record does it: the messages are there, and each bounce ends one of them. */
  const learn = async (bounces: readonly Bounce[], now = START): Promise<void> => {
    await sql`
      insert into messages (id, tenant_id, recipient, state, mode, provider, class, created_at, updated_at)
      select id, tenant_id, recipient, 'bounced', mode, provider, class, ${now}, ${now}
        from unnest(${bounces.map((b) => b.messageId)}::uuid[], ${bounces.map((b) => b.tenantId)}::uuid[], ${bounces.map((b) => b.recipient)}::text[],
                    ${bounces.map((b) => b.mode)}::sending_mode[], ${bounces.map((b) => b.provider)}::text[], ${bounces.map((b) => b.class)}::text[])
             as b (id, tenant_id, recipient, mode, provider, class)`.execute(admin)
    await engine
      .transaction()
      .execute((transaction) =>
        learnFromBounces(transaction, { endings: bounces, bounces, deliveredIds: [] }, now),
      )
  }
  const deliver = async (recipient: string, now: Date): Promise<void> => {
    const { messageId, mode, provider } = bounce(recipient)
    await sql`
      insert into messages (id, tenant_id, recipient, state, mode, created_at, updated_at)
      values (${messageId}, ${tenantId}, ${recipient}, 'delivered', ${mode}, ${now}, ${now})`.execute(admin)
    const lesson = { endings: [{ mode, provider }], bounces: [], deliveredIds: [messageId] }
    await engine.transaction().execute((transaction) => learnFromBounces(transaction, lesson, now))
  }
  const suppressed = async (): Promise<string[]> => {
    const { rows } = await sql<{ text: string }>`
      select concat_ws(' ', address_key, reason, mode, case when held_at is not null then 'held' end) as text
        from suppressions where tenant_id = ${tenantId} order by created_at, address_key`.execute(admin)
    return rows.map((row) => row.text)
  }
  const alerts = async (): Promise<string[]> => {
    const { rows } = await sql<{ text: string }>`
      select concat_ws(' ', kind, provider, case when resolved_at is null then 'open' else 'over' end) as text
        from alerts order by id`.execute(admin)
    return rows.map((row) => row.text)
  }
  return { database, tenantId, bounce, learn, deliver, suppressed, alerts }
}

test('one hard bounce suppresses the address in every spelling, with the message as its source', async (t) => {
  const { database, bounce, learn, suppressed } = await place(t)
  const hard = bounce('Ann@X.com')
  await learn([hard, bounce('ann@x.com'), bounce('bob@x.com', { class: 'reputation' })])
  assert.deepEqual(await suppressed(), ['ann@x.com hard_bounce'])
  const { rows } = await sql<{ message_id: string }>`select message_id from suppressions`.execute(
    database.admin,
  )
  assert.deepEqual(rows, [{ message_id: hard.messageId }])
})

test('a refusal with a doubt suppresses when it is repeated after a day; the address of another tenant, or of the sandbox, is another', async (t) => {
  const { bounce, learn, suppressed } = await place(t)
  const doubtful = (hours: number, more: Partial<Bounce> = {}): Bounce =>
    bounce('ann@x.com', { class: 'inactive', at: after(hours), ...more })
  await learn([doubtful(0), doubtful(1)])
  await learn([doubtful(25, { tenantId: randomUUID() }), doubtful(25, { mode: 'sandbox' })], after(25))
  assert.deepEqual(await suppressed(), [])
  await learn([doubtful(25)], after(25))
  assert.deepEqual(await suppressed(), ['ann@x.com hard_bounce'])
  await learn([doubtful(50, { mode: 'sandbox' })], after(50))
  assert.deepEqual(await suppressed(), ['ann@x.com hard_bounce', 'ann@x.com hard_bounce sandbox'])
})

test('a delivery in between takes the doubt away', async (t) => {
  const { bounce, learn, deliver, suppressed } = await place(t)
  await learn([bounce('ann@x.com', { class: 'inactive' })])
  await deliver('Ann@x.com', after(10))
  await learn([bounce('ann@x.com', { class: 'inactive', at: after(30) })], after(30))
  assert.deepEqual(await suppressed(), [])
  await learn([bounce('ann@x.com', { class: 'inactive', at: after(60) })], after(60))
  assert.deepEqual(await suppressed(), ['ann@x.com hard_bounce'])
})

test('a mailbox that is full five times in a month is suppressed for a while, and the count begins anew', async (t) => {
  const { database, bounce, learn, suppressed } = await place(t)
  const full = (day: number): Bounce =>
    bounce('ann@x.com', { class: 'mailbox_full', at: after(24 * day), isHard: false })
  await learn([full(0), full(3), full(6), full(9)], after(216))
  assert.deepEqual(await suppressed(), [])
  await learn([full(12)], after(288))
  const { rows } = await sql<{ reason: string; expires_at: Date }>`
    select reason, expires_at from suppressions`.execute(database.admin)
  assert.deepEqual(rows, [{ reason: 'soft_bounce', expires_at: after(24 * (12 + 90)) }])
  const strikes = await sql`select from bounce_strikes`.execute(database.admin)
  assert.equal(strikes.rows.length, 0)
})

test('when "user unknown" spikes at a provider its suppressions are held back, those of the minutes before as well', async (t) => {
  const { bounce, learn, suppressed, alerts } = await place(t)
  await learn([bounce('early@x.com')], after(-2))
  await learn([bounce('other@y.com', { provider: 'yahoo' }), bounce('first@x.com')])
  assert.deepEqual(await suppressed(), [
    'early@x.com hard_bounce',
    'first@x.com hard_bounce',
    'other@y.com hard_bounce',
  ])
  await learn(Array.from({ length: 50 }, (_, n) => bounce(`p${n}@x.com`, { tenantId: randomUUID() })))
  await learn([bounce('last@x.com')])
  assert.deepEqual(await suppressed(), [
    'early@x.com hard_bounce',
    'first@x.com hard_bounce held',
    'last@x.com hard_bounce held',
    'other@y.com hard_bounce',
  ])
  assert.deepEqual(await alerts(), ['unknown_user_spike google open'])
})

test('after a spike the next message judges: a delivery drops what is held, a refusal a day later applies it', async (t) => {
  const { database, bounce, learn, deliver, suppressed, alerts } = await place(t)
  const crowd = Array.from({ length: 60 }, (_, n) => bounce(`p${n}@x.com`, { tenantId: randomUUID() }))
  await learn([...crowd, bounce('ann@x.com'), bounce('bob@x.com'), bounce('cat@x.com')])
  await deliver('ann@x.com', after(2))
  await learn([bounce('bob@x.com'), bounce('new@x.com')], after(2))
  assert.deepEqual(await suppressed(), [
    'bob@x.com hard_bounce held',
    'cat@x.com hard_bounce held',
    'new@x.com hard_bounce',
  ])
  await learn([bounce('bob@x.com')], after(25))
  assert.deepEqual(await suppressed(), [
    'cat@x.com hard_bounce held',
    'new@x.com hard_bounce',
    'bob@x.com hard_bounce',
  ])
  await forgetBounces(database.engine, after(2))
  assert.deepEqual(await alerts(), ['unknown_user_spike google over'])
  await forgetBounces(database.engine, after(31 * 24))
  assert.deepEqual(await suppressed(), ['new@x.com hard_bounce', 'bob@x.com hard_bounce'])
})

test('what a person has suppressed is never held back', async (t) => {
  const { database, tenantId, bounce, learn, suppressed } = await place(t)
  await sql`insert into suppressions (tenant_id, address_key, reason, created_at) values (${tenantId}, 'ann@x.com', 'manual', ${START})`.execute(
    database.admin,
  )
  await learn([
    bounce('ann@x.com'),
    ...Array.from({ length: 60 }, (_, n) => bounce(`p${n}@x.com`, { tenantId: randomUUID() })),
  ])
  assert.deepEqual(await suppressed(), ['ann@x.com manual'])
})
