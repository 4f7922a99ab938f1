import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createPrivateKey } from 'node:crypto'
import test from 'node:test'
import { dkimVerify } from 'mailauth'
import { createDkimSigner, type DkimSigner } from './dkim.ts'
import { dkimTxtRecord, generateDkimKeys, txtStrings } from './dkim-keys.ts'
import { MailError } from './mail-error.ts'
import { buildMessage } from './mime.ts'
import { newsletter, SCRIPTS } from './sample-messages.ts'

const pairs = await generateDkimKeys()
const records = new Map([
  ['r1._domainkey.example.com', txtStrings(dkimTxtRecord(pairs.rsa.publicKey))],
  ['e1._domainkey.example.com', txtStrings(dkimTxtRecord(pairs.ed25519.publicKey))],
])
const rsaKey = createPrivateKey(pairs.rsa.privateKey)
const edKey = createPrivateKey(pairs.ed25519.privateKey)
const signer = createDkimSigner({
  domain: 'Example.com',
  keys: [
    { selector: 'r1', algorithm: 'rsa-sha256', privateKey: rsaKey },
    { selector: 'e1', algorithm: 'ed25519-sha256', privateKey: edKey },
  ],
})
const AT = { timestampSeconds: 1_790_000_000 }
const HEADER = 'From: a@example.com\r\nTo: b@example.net\r\nSubject: x\r\n'

/** What an independent verifier says of each signature. */
async function verdicts(raw: Buffer): Promise<string[]> {
  const found = await dkimVerify(raw, {
    curTime: new Date(AT.timestampSeconds * 1_000),
    strict: true,
    resolver: (name: string) => {
      const record = records.get(name)
      if (record === undefined) throw new Error(`no record ${name}`)
      return Promise.resolve([record])
    },
  })
  return found.results.map((one) => `${one.signingDomain} ${one.selector} ${one.status.result}`)
}

function signed(message: Buffer, by: DkimSigner = signer): Buffer {
  return Buffer.concat([Buffer.from(by.sign(message, AT), 'latin1'), message])
}

const BOTH_PASS = ['example.com e1 pass', 'example.com r1 pass']

async function assertBothPass(message: Buffer, what: string): Promise<void> {
  assert.deepEqual((await verdicts(signed(message))).sort(), BOTH_PASS, what)
}

test('both signatures of a newsletter pass in an independent verifier', async () => {
  await assertBothPass(buildMessage(newsletter()), 'newsletter')
})

test('messages in five scripts and with emoji, with attachments, pass', async () => {
  for (const { script, name, subject, body } of SCRIPTS) {
    const message = buildMessage({
      ...newsletter(),
      to: { name, email: 'b@example.net' },
      subject,
      text: body,
      html: `<p>${body}</p>  `,
      attachments: [
        { filename: `${name}.bin`, contentType: 'application/pdf', content: Buffer.alloc(5_000, 7) },
      ],
    })
    await assertBothPass(message, script)
  }
})

test('bodies at the edges of relaxed canonicalisation pass', async () => {
  const bodies = [
    '',
    '\r\n',
    '\r\n\r\n\r\n',
    ' ',
    ' \r\n\t\r\n',
    'a',
    'a\r\n',
    'a \r\n\r\n \r\n',
    'a\tb  c\r\n',
    ' leading\r\n\tand tab\r\n',
    'trailing \t \r\nspaces   ',
    'no final line end',
    'line\r\n\r\n\r\n',
    `${'x'.repeat(998)}\r\n`,
    `${'x '.repeat(499)}\r\n`,
    '.\r\n..\r\n',
    'eight bit: \u00e9 \u00ff\r\n',
  ]
  for (const body of bodies) {
    await assertBothPass(Buffer.from(`${HEADER}\r\n${body}`, 'latin1'), JSON.stringify(body))
  }
})

test('a recipient outside ASCII in the header passes', async () => {
  const to = { email: 'käthe@bücher.example' }
  await assertBothPass(buildMessage({ ...newsletter(), to }), 'UTF-8 in To')
})

test('random bodies of blanks, line ends and letters pass', async () => {
  const pieces = [' ', '  ', '\t', '\r\n', '\r\n\r\n', 'a', 'word', ' \r\n', '.', '=20', 'é']
  let seed = 11
  const next = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * limit)
  }
  for (let round = 0; round < 150; round += 1) {
    const body = Array.from({ length: next(30) }, () => pieces[next(pieces.length)] ?? '').join('')
    await assertBothPass(Buffer.from(`${HEADER}\r\n${body}`), JSON.stringify(body))
  }
})

test('folded, repeated and oddly spaced headers pass', async () => {
  const header =
    'FROM :  A  <a@example.com>\r\nto: b@example.net,\r\n\tc@example.net\r\nSubject: a \t b\r\n  c  \r\n' +
    'References: <1@x>\r\nReferences: <2@x>\r\nList-Unsubscribe: <https://x.example/u>\r\n'
  await assertBothPass(Buffer.from(`${header}\r\nbody\r\n`), 'odd headers')
})

test('a changed body, a changed subject and a second From are all noticed', async () => {
  const raw = signed(buildMessage({ ...newsletter(), text: 'pay 10', html: undefined })).toString('latin1')
  const tampered = [
    raw.replace('pay 10', 'pay 99'),
    raw.replace('Three new', 'Four new'),
    raw.replace('From: The', 'From: evil@example.org\r\nFrom: The'),
    raw.replace('List-Unsubscribe: <', 'List-Unsubscribe: <https://evil.example/>, <'),
  ]
  for (const text of tampered) {
    assert.notEqual(text, raw)
    for (const verdict of await verdicts(Buffer.from(text, 'latin1')))
      assert.match(verdict, / fail$|neutral$|permerror$/)
  }
})

test('the signature names the headers that one-click unsubscribing needs signed', () => {
  const header = signer.sign(buildMessage(newsletter()), AT)
  const names = /h=([^;]+);/.exec(header)?.[1]?.replace(/\s/g, '').split(':') ?? []
  for (const name of [
    'list-unsubscribe',
    'list-unsubscribe-post',
    'feedback-id',
    'reply-to',
    'date',
    'message-id',
  ]) {
    assert.equal(names.filter((one) => one === name).length, 1, name)
  }
  for (const name of ['from', 'to', 'subject']) {
    assert.equal(names.filter((one) => one === name).length, 2, `${name} is over-signed`)
  }
  for (const line of header.split('\r\n')) assert.ok(line.length <= 78, line)
})

test('a key, a selector or a domain that does not fit is refused when the signer is made', () => {
  const attempts = [
    () =>
      createDkimSigner({
        domain: 'example.com',
        keys: [{ selector: 'a', algorithm: 'rsa-sha256', privateKey: edKey }],
      }),
    () =>
      createDkimSigner({
        domain: 'example.com',
        keys: [{ selector: 'a b', algorithm: 'rsa-sha256', privateKey: rsaKey }],
      }),
    () => createDkimSigner({ domain: 'exa mple.com', keys: [] }),
    () => createDkimSigner({ domain: 'example.com', keys: [], headerFields: ['subject'] }),
  ]
  for (const attempt of attempts) assert.throws(attempt, MailError)
})

test('the DNS record of an RSA key comes in strings of at most 255 octets', () => {
  const strings = txtStrings(dkimTxtRecord(pairs.rsa.publicKey))
  assert.equal(strings.length, 2)
  assert.ok(strings.every((one) => one.length <= 255))
  assert.match(dkimTxtRecord(pairs.ed25519.publicKey), /^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/)
})
