import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { take } from '@pigeon/sdk'
import { liveSettings } from '@pigeon/server/test/live-settings.ts'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { startScriptedSmtp, type ScriptedSmtp } from '@pigeon/server/test/scripted-smtp.ts'
import {
  act,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  openAccount,
  type Account,
} from './account.ts'
import { proveAccounted, proveReconciled, received } from './proof.ts'

const CONTACTS = 300
const DOMAINS = ['gmail.com', 'outlook.com', 'plain.example']
/** Not the address of the receivers: a relay that is down must not be taken for one of them. */
const RELAY_HOST = '127.0.0.2'

test('a campaign leaves through a smarthost as sent; with the smarthost down the next one leaves from here', async (t) => {
  const platform = await runPlatform(t, await liveSettings())
  const account = await openAccount(platform)
  // There is no route for it: a tenant is let out of the sandbox by the operator.
  await platform.query(`update tenants set mode = 'live'`, [])
  const relay = await startSmarthost(t)
  await sendThrough(account, relay.port)
  const listId = await listOf(account, 'Relayed', contactsCsv(CONTACTS, DOMAINS))

  const first = await createCampaign(account, { listId })
  await act(account, first, 'send')
  const relayed = await campaignEnd(account, first)
  assert.equal(relayed.states.sent, CONTACTS)
  assert.equal(new Set(relay.accepted.flatMap(({ rcptTo }) => rcptTo)).size, CONTACTS)
  assert.equal(relay.accepted.length, CONTACTS, 'nobody got it twice')
  assert.equal((await received(account, first)).size, 0, 'the receivers saw none of it')
  await proveReconciled(account)

  await relay.close()
  const second = await createCampaign(account, { listId })
  await act(account, second, 'send')
  const direct = await campaignEnd(account, second)
  assert.equal(direct.states.sent, 0)
  assert.ok(direct.states.delivered > 0)
  assert.equal((await proveAccounted(account, second, CONTACTS)).duplicates, 0)
  await proveReconciled(account)
})

/** A smarthost that takes mail from who has logged in. */
async function startSmarthost(t: TestContext): Promise<ScriptedSmtp> {
  const known = new Set<number>()
  const relay = await startScriptedSmtp({
    address: RELAY_HOST,
    extensions: ['PIPELINING', 'AUTH PLAIN'],
    answer: ({ verb, connection }) => {
      if (verb === 'AUTH') known.add(connection)
      return verb === 'MAIL' && !known.has(connection) ? '530 5.7.0 Log in first\r\n' : undefined
    },
  })
  t.after(() => relay.close().catch(() => undefined))
  return relay
}

/** All bulk mail leaves through the smarthost, and from here what that cannot take. */
async function sendThrough({ pigeon }: Account, port: number): Promise<void> {
  const source = await take(
    pigeon.POST('/v1/sources', {
      body: {
        name: 'smarthost',
        kind: 'relay',
        relay_kind: 'smarthost',
        relay_config: { host: RELAY_HOST, port, tls: 'none', username: 'pigeon' },
        relay_secret: 'open sesame',
      },
    }),
  )
  const { data } = await take(pigeon.GET('/v1/pools'))
  const pool = await take(
    pigeon.POST('/v1/pools', {
      body: {
        name: 'relayed',
        sources: [{ source_id: source.id, weight: 1 }],
        overflow_pool_id: data.find(({ name }) => name === 'default')?.id ?? null,
      },
    }),
  )
  await take(pigeon.POST('/v1/routing-rules', { body: { pool_id: pool.id, message_classes: ['bulk'] } }))
}
