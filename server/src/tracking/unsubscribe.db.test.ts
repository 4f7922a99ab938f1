import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { uuidv7 } from '#platform/ids.ts'
import { keys, mailbox } from './mailbox-test-room.ts'
import { unsubscribeHeaders, unsubscribeUrl } from './unsubscribe-link.ts'

const SUBSCRIBED = { subscriptions: ['subscribed', 'subscribed'], suppressions: [] }

test('the one click of RFC 8058 unsubscribes from the list of the campaign, once', async (t) => {
  const { post, standing, events, listId, tenantId, campaignId, contactId, messageId } = await mailbox(t)
  for (let i = 0; i < 3; i += 1) {
    const reply = await post('List-Unsubscribe=One-Click')
    assert.equal(reply.statusCode, 200)
    assert.equal(reply.headers['set-cookie'], undefined)
    assert.equal(reply.headers.location, undefined)
  }
  assert.deepEqual(await standing(), {
    subscriptions: ['unsubscribed', 'subscribed'],
    suppressions: [{ list_id: listId, message_id: messageId }],
  })
  assert.equal(events.length, 1)
  assert.deepEqual(
    { ...events[0], at: 0 },
    { type: 'unsubscribed', tenantId, campaignId, contactId, messageId, domain: 'example.com', at: 0 },
  )
})

test('the one click may come as multipart/form-data as well', async (t) => {
  const { post, url, standing } = await mailbox(t)
  const body = '--x\r\ncontent-disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
  assert.equal((await post(body, url, 'multipart/form-data; boundary=x')).statusCode, 200)
  assert.equal((await standing()).subscriptions[0], 'unsubscribed')
})

test('opening the link changes nothing: scanners do it', async (t) => {
  const { app, url, standing, events } = await mailbox(t)
  for (const method of ['GET', 'HEAD'] as const)
    assert.equal((await app.inject({ method, url })).statusCode, 200)
  assert.deepEqual(await standing(), SUBSCRIBED)
  assert.equal(events.length, 0)
})

test('the page names list and sender, masks the address, escapes both, and needs no script', async (t) => {
  const { app, url } = await mailbox(t, { listName: '<script>alert(1)</script>' })
  const reply = await app.inject({ url })
  assert.match(reply.body, /A•••@example\.com/)
  assert.doesNotMatch(reply.body, /ann@|<script/i)
  assert.match(reply.body, /&lt;script&gt;.*Acme &amp; Sons/s)
  assert.match(reply.body, /<html lang="en">.*<button type="submit"/s)
  assert.match(reply.body, /prefers-color-scheme: dark/)
  assert.equal(reply.headers['cache-control'], 'no-store')
  const policy = String(reply.headers['content-security-policy'])
  assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/)
  const style = /<style>(.*)<\/style>/s.exec(reply.body)?.[1] ?? ''
  assert.ok(
    policy.includes(`'sha256-${createHash('sha256').update(style).digest('base64')}'`),
    'the style is the one allowed',
  )
})

test('a person may leave everything, and undo it: exactly what the link ended comes back', async (t) => {
  const { post, standing, database, app, url } = await mailbox(t)
  assert.match((await post('action=list')).body, /You are unsubscribed</)
  assert.match((await post('action=everything')).body, /unsubscribed from everything/)
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
  assert.equal((await standing()).suppressions.length, 2)
  assert.match((await app.inject({ url })).body, /already unsubscribed from everything/)
  await sql`insert into suppressions (tenant_id, address_key, list_id, reason, created_at) select tenant_id, 'ann@example.com', ${uuidv7()}, 'complaint', now() from tenants`.execute(
    database.admin,
  )
  assert.match((await post('action=subscribe')).body, /subscribed again/)
  const after = await standing()
  assert.deepEqual(after.subscriptions, ['subscribed', 'subscribed'])
  assert.equal(after.suppressions.length, 1, 'a complaint stays')
})

test('undoing one list leaves another one ended', async (t) => {
  const { post, standing, database } = await mailbox(t)
  await sql`update subscriptions set status = 'unsubscribed', unsubscribed_at = '2026-02-02' where list_id = (select id from lists where name = 'Offers')`.execute(
    database.admin,
  )
  await post('List-Unsubscribe=One-Click')
  await post('action=subscribe')
  assert.deepEqual(await standing(), { subscriptions: ['subscribed', 'unsubscribed'], suppressions: [] })
})

test('a link that we did not make, or of a message that is gone, is 404 without a detail', async (t) => {
  const { app, url, post, tenantId, standing } = await mailbox(t)
  const link = unsubscribeUrl({ publicUrl: 'https://mail.example', keys })
  const forged = unsubscribeUrl({
    publicUrl: 'https://mail.example',
    keys: { derive: () => Buffer.alloc(32, 1) },
  })
  const paths = [
    '/u/x',
    `${url}A`,
    url.slice(0, -1),
    `/u/${'a'.repeat(400)}`,
    new URL(link(tenantId, uuidv7())).pathname,
    new URL(link(uuidv7(), uuidv7())).pathname,
    new URL(forged(tenantId, uuidv7())).pathname,
  ]
  const bodies = new Set<string>()
  for (const path of paths) {
    const shown = await app.inject({ url: path })
    const posted = await post('List-Unsubscribe=One-Click', path)
    assert.deepEqual([shown.statusCode, posted.statusCode], [404, 404], path)
    bodies.add(shown.body).add(posted.body)
  }
  assert.equal(bodies.size, 1)
  assert.deepEqual(await standing(), SUBSCRIBED)
})

test('a POST that says nothing, something else or too much changes nothing', async (t) => {
  const { post, url, standing } = await mailbox(t)
  assert.equal((await post('')).statusCode, 400)
  assert.equal((await post('List-Unsubscribe=Two-Clicks')).statusCode, 400)
  assert.equal((await post('action=delete')).statusCode, 400)
  assert.equal((await post(`List-Unsubscribe=One-Click&x=${'y'.repeat(5_000)}`)).statusCode, 413)
  assert.equal((await post('{}', url, 'text/plain')).statusCode, 415)
  assert.deepEqual(await standing(), SUBSCRIBED)
})

test('without its event an unsubscription does not happen: all of it is one transaction', async (t) => {
  const { post, standing } = await mailbox(t, { failEvent: true })
  assert.equal((await post('List-Unsubscribe=One-Click')).statusCode, 500)
  assert.deepEqual(await standing(), SUBSCRIBED)
})

test('the header fields carry the link and the promise of one click', () => {
  assert.deepEqual(unsubscribeHeaders('https://x/u/1'), [
    ['List-Unsubscribe', '<https://x/u/1>'],
    ['List-Unsubscribe-Post', 'List-Unsubscribe=One-Click'],
  ])
})
