import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { dkimTxtRecord, generateDkimKeys } from '@pigeon/mail/dkim-keys.ts'
import { createDkimSigner } from '@pigeon/mail/dkim.ts'
import { fromDomain } from './authenticate.ts'
import { runWindtunnel } from './running-windtunnel.ts'
import { send } from './transactions.ts'

const STEADY = {
  unknown_user_share: 0,
  mailbox_full_share: 0,
  temporary_failure_share: 0,
  slow_share: 0,
  requires_authentication: 'either' as const,
}
const letter = (from: string) =>
  `From: News <${from}>\r\nTo: ann@gmail.com\r\nSubject: hello\r\nMessage-ID: <1@news.example>\r\n\r\nbody\r\n`

async function signed(domain: string, content: string): Promise<{ content: string; record: string }> {
  const keys = await generateDkimKeys()
  const privateKey = createPrivateKey(keys.ed25519.privateKey)
  const key = { selector: 's1', algorithm: 'ed25519-sha256' as const, privateKey }
  const signature = createDkimSigner({ domain, keys: [key] }).sign(Buffer.from(content), {
    timestampSeconds: 1_767_225_600,
  })
  return { content: signature + content, record: dkimTxtRecord(keys.ed25519.publicKey) }
}

test('google refuses with 5.7.26 what neither DKIM nor SPF of the From domain vouches for', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: { google: STEADY } })
  const visitor = await visit('google')
  const refused =
    /^550-5\.7\.26 .*sender is unauthenticated[^]*SPF \[news\.example\] with ip: \[127\.0\.0\.1\]/
  assert.match(await send(visitor, 'ann@gmail.com', letter('a@news.example')), refused)
  const { content, record } = await signed('news.example', letter('a@news.example'))
  assert.match(await send(visitor, 'ann@gmail.com', content), refused, 'nobody published the key')
  await client.publish([{ name: 's1._domainkey.news.example', type: 'TXT', data: record }])
  assert.match(await send(visitor, 'ann@gmail.com', content), /^250 /)
  const broken = content.replace('\r\n\r\nbody', '\r\n\r\nBODY')
  assert.match(await send(await visit('google', '127.0.0.9'), 'ann@gmail.com', broken), /^550-5\.7\.26 /)
  const other = content.replace('From: News <a@news.example>', 'From: News <a@bank.example>')
  assert.match(await send(visitor, 'ann@gmail.com', other), /^550-5\.7\.26 /, 'signed, but by somebody else')
})

test('SPF counts when the envelope sender is of the From domain and its record names the address', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: { google: STEADY } })
  await client.publish([{ name: 'bounces.news.example', type: 'TXT', data: 'v=spf1 ip4:127.0.0.1 -all' }])
  const content = letter('a@news.example')
  const sender = 'b-1@bounces.news.example'
  assert.match(await send(await visit('google'), 'ann@gmail.com', content, sender), /^250 /)
  const elsewhere = await visit('google', '127.0.0.9')
  assert.match(await send(elsewhere, 'ann@gmail.com', content, sender), /^550-5\.7\.26 /)
  const foreign = letter('a@bank.example')
  assert.match(await send(await visit('google'), 'ann@gmail.com', foreign, sender), /^550-5\.7\.26 /)
})

test('microsoft as published wants both, and says 5.7.515', async (t) => {
  const microsoft = { ...STEADY, requires_authentication: 'both' as const }
  const { visit, client } = await runWindtunnel(t, { habits: { microsoft } })
  const { content, record } = await signed('news.example', letter('a@news.example'))
  await client.publish([{ name: 's1._domainkey.news.example', type: 'TXT', data: record }])
  const visitor = await visit('microsoft')
  assert.match(await send(visitor, 'ann@outlook.com', content), /^550 5\.7\.515 .*news\.example/)
  await client.publish([{ name: 'news.example', type: 'TXT', data: 'v=spf1 a:out.news.example -all' }])
  await client.publish([{ name: 'out.news.example', type: 'A', data: '127.0.0.1' }])
  assert.match(await send(visitor, 'ann@outlook.com', content), /^250 /)
})

test('messages sent ahead wait until the one before has been verified', async (t) => {
  const { visit, client } = await runWindtunnel(t, { habits: { google: STEADY } })
  const visitor = await visit('google')
  const one = `MAIL FROM:<b@news.example>\r\nRCPT TO:<ann@gmail.com>\r\nDATA\r\n`
  visitor.write(one)
  for (const code of ['250', '250', '354']) assert.equal((await visitor.reply()).slice(0, 3), code)
  visitor.write(
    `${letter('a@news.example')}.\r\nMAIL FROM:<b@news.example>\r\nRCPT TO:<unknown@gmail.com>\r\nNOOP\r\n`,
  )
  for (const code of ['550', '250', '550', '250']) assert.equal((await visitor.reply()).slice(0, 3), code)
  assert.equal((await client.stats()).received, 0)
})

test('the domain in From is found in every form a mailbox has', () => {
  const forms = {
    'From: a@one.example\r\n\r\n': 'one.example',
    'Subject: x\r\nFROM: "b@not.example, Inc." <a@Two.Example>\r\n\r\n': 'two.example',
    'From: Somebody with a long name\r\n <a@three.example>\r\nTo: x@y.example\r\n\r\n': 'three.example',
    'To: from@x.example\r\n\r\nFrom: a@body.example\r\n': '',
    'From: nobody\r\n\r\n': '',
  }
  for (const [content, domain] of Object.entries(forms))
    assert.equal(fromDomain(Buffer.from(content)), domain, content)
})
