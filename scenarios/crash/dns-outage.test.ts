import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  openAccount,
} from '@pigeon/scenarios/account.ts'
import { proveReconciled, recipientsOf } from '@pigeon/scenarios/proof.ts'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { startScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { stopNow } from './kill.ts'

const CONTACTS = 1_500
/** Each is looked up by whoever routes and whoever delivers: there is always one that nobody knows yet. */
const DOMAINS = Array.from({ length: 300 }, (_, n) => `firm${n}.example`)
const RECEIVER = '127.10.9.9'
/** Longer than a look-up may take with all its tries. */
const OUTAGE_MS = 12_000

test('name servers that stop answering in the middle of a campaign fail and bounce nothing, and double nothing', async (t) => {
  const platform = await runPlatform(t)
  const receiver = await startScriptedSmtp({
    address: RECEIVER,
    port: Number(platform.env.PIGEON_WINDTUNNEL_SMTP_PORT),
  })
  t.after(receiver.close)
  await platform.windtunnel.publish([
    ...DOMAINS.map((name) => ({ name, type: 'MX' as const, data: '10 mx.outage.example' })),
    { name: 'mx.outage.example', type: 'A', data: RECEIVER },
  ])
  const account = await openAccount(platform)
  const id = await createCampaign(account, {
    listId: await listOf(account, 'All', contactsCsv(CONTACTS, DOMAINS)),
  })
  await act(account, id, 'send')
  await waitFor('the first mail', () => receiver.accepted.length > 0, 60_000)

  // The name servers run in the windtunnel; this receiver does not.
  const pid = await platform.pid('windtunnel')
  stopNow(pid)
  const before = receiver.accepted.length
  const until = performance.now() + OUTAGE_MS
  await waitFor('the outage to last', () => performance.now() > until, OUTAGE_MS * 2)
  process.kill(pid, 'SIGCONT')
  t.diagnostic(`${before} before the outage, ${receiver.accepted.length - before} while it lasted`)
  assert.ok(receiver.accepted.length < CONTACTS, 'the campaign had ended before the outage')

  const { states } = await campaignEnd(account, id)
  assert.equal(states.delivered, CONTACTS)
  assert.deepEqual([states.bounced, states.failed], [0, 0])
  const recipients = await ask('the recipients', () => recipientsOf(account, id))
  const waited = recipients.filter((each) => each.attempts > 1).length
  t.diagnostic(`${waited} messages were tried again`)
  assert.ok(waited > 0, 'every look-up was answered')
  const arrived = receiver.accepted.flatMap((each) => each.rcptTo)
  assert.equal(arrived.length, CONTACTS, 'nothing came twice')
  assert.deepEqual(new Set(arrived), new Set(recipients.map((each) => each.recipient)))
  await proveReconciled(account)
})
