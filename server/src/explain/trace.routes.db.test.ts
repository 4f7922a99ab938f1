import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { HistoryEvent } from '#events/email-events.ts'
import { attemptRow, eventRow } from '#record/history-rows.ts'
import { historyEvent } from '@pigeon/server/test/factories.ts'
import { startFakeDns } from '@pigeon/server/test/fake-dns.ts'
import { blindReaders, testHistory } from '@pigeon/server/test/history.ts'
import { explainApi, NOBODY } from './explain-test-api.ts'

const analytics = await testHistory()
const dns = await startFakeDns({ after }, { 'MX gmail.example': 'servfail' })
const { call, database, owner, signUp } = await explainApi({ dnsServer: dns.server, analytics })
const { tenantId } = owner
const admin = database.admin

const made = await sql<{ id: string }>`
  insert into campaigns (tenant_id, name, status, from_email, mode, created_at, updated_at)
  values (${tenantId}, 'C', 'sending', 'news@example.org', 'sandbox', now(), now()) returning id`.execute(
  admin,
)
const campaignId = made.rows[0]?.id ?? ''

/** A message as record has left it, with what the history knows. */
async function message(
  state: string,
  row: { readonly class?: string; readonly reply?: string; readonly inDoubt?: boolean },
  events: readonly Partial<HistoryEvent>[] = [],
): Promise<string> {
  const id = randomUUID()
  await sql`
    insert into messages (id, tenant_id, campaign_id, recipient, state, mode, provider, attempts, class, reply, in_doubt, created_at, updated_at)
    values (${id}, ${tenantId}, ${campaignId}, 'ann@gmail.example', ${state}::message_state, 'sandbox', 'google', ${events.length},
            ${row.class ?? null}, ${row.reply ?? null}, ${row.inDoubt ?? false}, now(), now())`.execute(admin)
  const all = events.map((event) => historyEvent({ messageId: id, tenantId, campaignId, ...event }))
  if (all.length === 0) return id
  await analytics.insert(
    'email_events',
    all.map((event) => eventRow(event, randomUUID(), blindReaders)),
  )
  await analytics.insert(
    'attempts',
    all.flatMap((event) => attemptRow(event) ?? []),
  )
  return id
}

const trace = async (id: string) => {
  const { status, body } = await call('GET', `/v1/messages/${id}/trace`)
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

const SESSION = {
  startedAt: '2026-11-01T10:00:00.001Z',
  mxHost: 'mx.google.example',
  mxAddress: '192.0.2.25',
  isTls: true,
  transcript: 'C: RCPT TO:<ann@gmail.example>\nS: 450 4.2.1 Try later\n',
}
const GREYLISTED: Partial<HistoryEvent> = {
  type: 'deferred',
  attempt: 1,
  code: 450,
  enhanced: '4.2.0',
  class: 'greylisted',
  reply: '450 4.2.0 Greylisted, please try again later',
  session: {
    ...SESSION,
    transcript: 'C: RCPT TO:<ann@gmail.example>\nS: 450 4.2.0 Greylisted, please try again later\n',
  },
}

test('a bounce says what happened, who must do what, and by which rule it was read', async () => {
  const reply = '550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org'
  const refused: Partial<HistoryEvent> = {
    type: 'bounced',
    attempt: 2,
    at: '2026-11-01T10:05:00.000Z',
    code: 550,
    enhanced: '5.7.1',
    class: 'blocked',
    reply,
    session: { ...SESSION, transcript: `C: RCPT TO:<ann@gmail.example>\nS: ${reply}\n` },
  }
  const id = await message('bounced', { class: 'blocked', reply }, [GREYLISTED, refused])
  const found = await trace(id)
  assert.match(
    found.explanation ?? '',
    /^The receiving server refused it for good\. The sending address is on a block list\..*check\.spamhaus\.org/,
  )
  assert.deepEqual(found['way'], null)
  const attempts = JSON.stringify(found['attempts_made'])
  assert.match(attempts, /"meaning":"Put off\. The receiver asks strangers to come back later/)
  assert.match(
    attempts,
    /"phase":"rcpt","rule":\{"set":"[^"]+","id":"[^"]+","class":"blocked","source":"[^"]+"/,
  )
  assert.match(attempts, /S: 550 5\.7\.1 Client host/)
})

test('a deferred message says when it is tried again, until when, and what is in its way', async () => {
  const id = await message(
    'deferred',
    { class: 'greylisted', reply: GREYLISTED.reply ?? '', inDoubt: true },
    [GREYLISTED],
  )
  await sql`
    insert into deliveries (message_id, tenant_id, queue_id, mode, domain, attempt, due_at, expires_at)
    values (${id}, ${tenantId}, ${campaignId}, 'sandbox', 'gmail.example', 1, '2026-11-01T10:10:00Z', '2026-11-04T10:00:00Z')`.execute(
    admin,
  )
  const found = await trace(id)
  assert.match(
    found.explanation ?? '',
    /Attempt 2 follows at 2026-11-01 10:10 UTC, until 2026-11-04 10:00 UTC\./,
  )
  assert.match(found.explanation ?? '', /could not be looked up.*Whether it has arrived is not known/)
  assert.equal(found['expires_at'], '2026-11-04T10:00:00.000Z')
  assert.match(JSON.stringify(found['way']), /"code":"dns_failed"/)
})

test('an expired message is explained by the refusal before the expiry', async () => {
  const id = await message('failed', { class: 'expired', reply: '450 4.2.0 Later' }, [GREYLISTED])
  const found = await trace(id)
  assert.match(found.explanation ?? '', /It was given up\. Its time was over\. The receiver asks strangers/)
  assert.match(JSON.stringify(found['advice']), /"class":"greylisted"/)
})

test('every state of a message has its sentence', async () => {
  for (const state of ['queued', 'delivered', 'sent', 'suppressed', 'cancelled'])
    assert.match((await trace(await message(state, {}))).explanation ?? '', /^[A-Z][^.]{10,}\./, state)
})

test('404: there is no such message, or it is of another tenant', async () => {
  assert.equal((await call('GET', `/v1/messages/${NOBODY}/trace`)).status, 404)
  const id = await message('delivered', {})
  const stranger = await signUp()
  const theirs = await call('GET', `/v1/messages/${id}/trace`, undefined, stranger.token)
  assert.deepEqual([theirs.status, theirs.body.code], [404, 'messages.not_found'])
})
