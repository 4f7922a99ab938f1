import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { act, ask, campaignEnd, contactsCsv, createCampaign, listOf } from './account.ts'
import { sharedAccount } from './shared-account.ts'

const CONTACTS = 300
/** Of a rehearsed count, the share by which what happens may differ. */
const TOLERANCE = 0.05

test('a campaign turns out as it was rehearsed, and a bounce explains itself', async (t) => {
  const account = await sharedAccount()
  const { pigeon, from } = account
  const csv = `${contactsCsv(CONTACTS, undefined, 'rehearsed')}\nunknown1@gmail.com,Bob,Porto`
  const id = await createCampaign(account, { listId: await listOf(account, 'Rehearsed', csv) })
  const path = { id }

  await t.test('a dry run names provider, source and the way there', async () => {
    const found = await take(pigeon.POST('/v1/explain', { body: { to: 'ann@gmail.com', from } }))
    assert.equal(found.verdict, 'sends', found.explanation)
    assert.equal(found.provider?.name, 'google')
    assert.ok(found.mx.hosts.length > 0 && found.sender.dkim.length > 0)
    const gone = await take(
      pigeon.POST('/v1/explain', { body: { to: 'ann@gmail.com', from: 'not.mine.example' } }),
    )
    assert.equal(gone.verdict, 'stops')
  })

  const rehearsed = await take(pigeon.POST('/v1/campaigns/{id}/rehearse', { params: { path }, body: {} }))
  assert.deepEqual([rehearsed.recipients, rehearsed.is_partial], [CONTACTS + 1, false])
  await act(account, id, 'send')
  const { states } = await campaignEnd(account, id)
  const near = (what: string, is: number, was: number) =>
    assert.ok(Math.abs(is - was) <= TOLERANCE * CONTACTS, `${what}: ${was} were rehearsed, it was ${is}`)
  near('delivered', states.delivered, rehearsed.delivered)
  near('bounced', states.bounced, rehearsed.bounced)

  await t.test('the trace of a bounce has its rule, its transcript and what to do', async () => {
    const trace = await ask('the history to have the attempt', async () => {
      const query = { state: 'bounced' } as const
      const { data } = await take(pigeon.GET('/v1/campaigns/{id}/recipients', { params: { path, query } }))
      const bounced = data.find(({ recipient }) => recipient === 'unknown1@gmail.com')
      const messageId = bounced?.message_id ?? ''
      const found = await take(pigeon.GET('/v1/messages/{id}/trace', { params: { path: { id: messageId } } }))
      return found.attempts_made.length > 0 ? found : undefined
    })
    assert.match(trace.explanation, /refused it for good\. There is no such mailbox\./)
    const [attempt] = trace.attempts_made
    assert.equal(attempt?.phase, 'rcpt')
    assert.equal(attempt?.rule?.class, 'unknown_user')
    assert.match(attempt?.transcript ?? '', /C: RCPT TO:<unknown1@gmail\.com>/)
  })
})
