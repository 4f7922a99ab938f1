import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verpAddress } from '@pigeon/mail/verp.ts'
import { take } from '@pigeon/sdk'
import { deliverMail } from '@pigeon/server/test/deliver-mail.ts'
import { runPlatform } from '@pigeon/server/test/platform.ts'
import { complaint, notDelivered } from '@pigeon/server/test/returned-mails.ts'
import {
  act,
  ask,
  campaignEnd,
  contactsCsv,
  createCampaign,
  listOf,
  metricsOf,
  openAccount,
} from './account.ts'
import { proveReconciled, recipientsOf } from './proof.ts'

const CONTACTS = 40

test('a bounce and a complaint by SMTP are in the report and suppress; a forged one is refused and changes nothing', async (t) => {
  const account = await openAccount(await runPlatform(t))
  const { platform, pigeon } = account
  const port = Number(platform.env.PIGEON_INBOUND_PORT)
  const listId = await listOf(account, 'All', contactsCsv(CONTACTS, ['plain.example']))
  const id = await createCampaign(account, { listId })
  await act(account, id, 'send')
  const { states } = await campaignEnd(account, id)
  const mails = (await platform.windtunnel.messages({ campaign: id, limit: 3 })).data
  const [bounced, complained, other] = await Promise.all(
    mails.map(async (mail) => {
      const raw = await platform.windtunnel.raw(mail.sequence)
      const unsubscribe = /^List-Unsubscribe: [^]*?>/m.exec(raw?.toString() ?? '')?.[0] ?? ''
      return { from: mail.mail_from, to: mail.rcpt_to[0] ?? '', unsubscribe }
    }),
  )
  assert.ok(bounced && complained && other)
  assert.match(bounced.from, /^bounces\+b-[a-z2-7]{39}@in\.pigeon\.example$/)

  const startedAt = performance.now()
  const report = notDelivered({ recipient: bounced.to })
  for (let i = 0; i < 2; i += 1)
    assert.match(await deliverMail({ port, to: bounced.from, content: report }), /^250 /)
  // The provider has taken the recipient out; our signed link is still there.
  const complaintMail = {
    to: 'abuse@in.pigeon.example',
    content: complaint({ fields: complained.unsubscribe }),
  }
  assert.match(await deliverMail({ port, from: 'loop@provider.example', ...complaintMail }), /^250 /)
  const told = await ask('the bounce and the complaint', async () => {
    const metrics = await metricsOf(account, id)
    return metrics.states.bounced === 1 && metrics.complained_count === 1 ? metrics : undefined
  })
  t.diagnostic(`in the report after ${Math.round(performance.now() - startedAt)} ms`)
  assert.deepEqual([told.states.delivered, told.balanced], [states.delivered - 1, true])

  const recipients = await recipientsOf(account, id)
  const messageId = recipients.find((each) => each.recipient === other.to)?.message_id ?? ''
  const forged = verpAddress(Buffer.alloc(32, 7), messageId, 'in.pigeon.example', 'bounces')
  const refused = await deliverMail({ port, to: forged, content: notDelivered({ recipient: other.to }) })
  assert.match(refused, /^550 5\.1\.1 /)
  assert.match(await deliverMail({ port, to: 'ann@gmail.com', content: report }), /^550 5\.7\.1 /)

  const suppressed = await take(pigeon.GET('/v1/suppressions'))
  assert.deepEqual(
    suppressed.data.map((each) => [each.email, each.reason]).toSorted(),
    [
      [bounced.to, 'hard_bounce'],
      [complained.to, 'complaint'],
    ].toSorted(),
  )
  await proveReconciled(account)
})
