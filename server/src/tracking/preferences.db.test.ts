import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { sql } from 'kysely'
import { keys, mailbox } from './mailbox-test-room.ts'
import { confirmToken, CONFIRM_MS } from './confirm-token.ts'
import { tokenKey } from './unsubscribe-link.ts'

/** Ann is on `Monthly news`, from which the message came, and on `Offers`. */
async function room(t: TestContext, { isPublic = true } = {}) {
  const ann = await mailbox(t)
  await sql`update lists set is_public = ${isPublic} where name = 'Offers'`.execute(ann.database.admin)
  const found = await sql<{ id: string }>`select id from lists where name = 'Offers'`.execute(
    ann.database.admin,
  )
  const offersId = found.rows[0]?.id ?? ''
  const url = `${ann.url}/lists`
  const save = (...lists: string[]) => ann.post(lists.map((id) => `list=${id}`).join('&'), url)
  const confirmUrl = (body: string) => `${ann.url}/${/action="(lists\/[^"]+)"/.exec(body)?.[1]}`
  return { ...ann, url, offersId, save, confirmUrl }
}

test('the page shows the list of the message and public ones, and opening it changes nothing', async (t) => {
  const { app, url, standing, events } = await room(t)
  const reply = await app.inject({ url })
  assert.equal(reply.statusCode, 200)
  assert.equal(reply.body.match(/type="checkbox"[^>]* checked/g)?.length, 2)
  assert.match(reply.body, /Monthly news.*Offers/s)
  assert.deepEqual((await standing()).subscriptions, ['subscribed', 'subscribed'])
  assert.equal(events.length, 0)
})

test('a list that is not public is not shown, and cannot be left or joined by its id', async (t) => {
  const { app, url, save, listId, offersId, standing } = await room(t, { isPublic: false })
  assert.doesNotMatch((await app.inject({ url })).body, /Offers/)
  await save(listId)
  assert.deepEqual((await standing()).subscriptions, ['subscribed', 'subscribed'])
  assert.match((await save(listId, offersId)).body, /Your choice is saved/)
})

test('what is left is left when the answer comes, with its event', async (t) => {
  const { save, listId, offersId, standing, events } = await room(t)
  assert.match((await save(listId)).body, /Your choice is saved/)
  const { subscriptions, suppressions } = await standing()
  assert.deepEqual(subscriptions, ['subscribed', 'unsubscribed'])
  assert.deepEqual(
    suppressions.map((each) => each.list_id),
    [offersId],
  )
  await save(listId)
  assert.equal(events.length, 1)
})

test('what is wanted again needs a second step, and opening it is none', async (t) => {
  const { app, post, save, listId, offersId, standing, confirmUrl } = await room(t)
  await save()
  const asked = await save(listId)
  assert.match(asked.body, /One more step/)
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
  const url = confirmUrl(asked.body)
  assert.equal((await app.inject({ url })).statusCode, 200)
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
  assert.match((await post('', url)).body, /Your choice is saved/)
  const { subscriptions, suppressions } = await standing()
  assert.deepEqual(subscriptions, ['subscribed', 'unsubscribed'])
  assert.deepEqual(
    suppressions.map((each) => each.list_id),
    [offersId],
  )
})

test('after an unsubscription from everything one list may be joined again, and the others stay ended', async (t) => {
  const { app, post, save, url, offersId, standing, confirmUrl } = await room(t)
  await post('action=everything')
  assert.doesNotMatch((await app.inject({ url })).body, / checked/)
  await post('', confirmUrl((await save(offersId)).body))
  assert.deepEqual(await standing(), { subscriptions: ['unsubscribed', 'subscribed'], suppressions: [] })
})

test('a second step that is not ours, of another message or too old is 404', async (t) => {
  const { app, post, url, tenantId, messageId, offersId, standing } = await room(t)
  await post('action=everything')
  const ids = { tenantId, messageId }
  const other = { tenantId, messageId: offersId }
  const key = tokenKey(keys)
  for (const token of [
    'x',
    confirmToken(key, other, [offersId], new Date()),
    confirmToken(key, ids, [offersId], new Date(Date.now() - CONFIRM_MS - 60_000)),
  ])
    assert.equal((await post('', `${url}/${token}`)).statusCode, 404)
  assert.equal((await app.inject({ url: '/u/x/lists' })).statusCode, 404)
  assert.equal((await post('', '/u/x/lists')).statusCode, 404)
  assert.deepEqual((await standing()).subscriptions, ['unsubscribed', 'unsubscribed'])
})
