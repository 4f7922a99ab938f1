import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import test from 'node:test'
import PostalMime, { decodeWords, type Email } from 'postal-mime'
import { MailError } from './mail-error.ts'
import { buildMessage, type MessageInput } from './mime.ts'
import { newsletter, SCRIPTS } from './sample-messages.ts'

const PLAIN: MessageInput = {
  from: { email: 'a@example.com' },
  to: { email: 'b@example.net' },
  subject: 'x',
  date: new Date('2026-11-22T03:00:00Z'),
  messageId: '<1@example.com>',
}
const EVERY_OCTET = Buffer.from(Array.from({ length: 1_000 }, (_, i) => i % 256))

function read(raw: Buffer): Promise<Email> {
  return PostalMime.parse(raw)
}

/** What every message must be, whatever is in it. */
function assertWellFormed(raw: Buffer): void {
  const text = raw.toString('latin1')
  assert.doesNotMatch(text, /[^\u0001-\u007f]/, 'only ASCII')
  assert.doesNotMatch(text, /\r(?!\n)|(?<!\r)\n/, 'only CRLF')
  for (const line of text.split('\r\n')) assert.ok(line.length <= 998)
  const header = text.slice(0, text.indexOf('\r\n\r\n'))
  for (const line of header.split('\r\n'))
    assert.ok(line.length <= 78 || /^([^ ]+:)? ?[^ ]+$/.test(line), line)
  assert.ok(text.endsWith('\r\n'))
}

function canonical(text: string | undefined): string {
  return (text ?? '').replace(/\r\n?/g, '\n').replace(/\n+$/, '')
}

for (const { script, name, subject, body } of SCRIPTS) {
  test(`subject, names, both bodies and file names come out as written: ${script}`, async () => {
    const html = `<h1>${subject}</h1>\n<p>${body}</p>\n`
    const raw = buildMessage({
      ...PLAIN,
      from: { name, email: 'a@example.com' },
      to: [
        { name: `${name} 1`, email: 'b@example.net' },
        { name: 'Smith, "Jo" \\ Co', email: 'c@example.net' },
      ],
      replyTo: { name: `${name} ${name} ${name}`, email: 'r@example.com' },
      subject,
      headers: [['X-Campaign', `${name} (${subject})`]],
      text: body,
      html,
      attachments: [
        { filename: `${name} 'résumé' 100%.pdf`, contentType: 'application/pdf', content: EVERY_OCTET },
        { filename: 'logo.png', contentType: 'image/png', content: EVERY_OCTET, cid: 'logo@pigeon' },
      ],
    })
    assertWellFormed(raw)
    const email = await read(raw)
    assert.equal(email.subject, subject)
    assert.deepEqual(email.from, { address: 'a@example.com', name })
    assert.deepEqual(email.to, [
      { address: 'b@example.net', name: `${name} 1` },
      { address: 'c@example.net', name: 'Smith, "Jo" \\ Co' },
    ])
    assert.deepEqual(email.replyTo, [{ address: 'r@example.com', name: `${name} ${name} ${name}` }])
    assert.equal(
      decodeWords(email.headers.find((one) => one.key === 'x-campaign')?.value ?? ''),
      `${name} (${subject})`,
    )
    assert.equal(canonical(email.text), canonical(body))
    assert.equal(canonical(email.html), canonical(html))
    const [image, file] = [...email.attachments]
      .sort((a, b) => a.mimeType.localeCompare(b.mimeType))
      .reverse()
    assert.equal(file?.filename, `${name} 'résumé' 100%.pdf`)
    assert.equal(image?.contentId, '<logo@pigeon>')
    for (const one of email.attachments) {
      assert.ok(one.content instanceof ArrayBuffer)
      assert.deepEqual(Buffer.from(one.content), EVERY_OCTET)
    }
  })
}

test('a plain ASCII newsletter goes as it is, and twice the same', async () => {
  const raw = buildMessage(newsletter())
  assertWellFormed(raw)
  assert.equal(raw.toString('latin1').match(/Content-Transfer-Encoding: 7bit/g)?.length, 2)
  assert.deepEqual(buildMessage(newsletter()), raw)
  assert.equal(canonical((await read(raw)).html), canonical(newsletter().html))
})

test('text of any line length, line end and blank survives', async () => {
  const texts = [
    '',
    ' ',
    'x'.repeat(5_000),
    `é${'x'.repeat(5_000)}`,
    'é trailing \nblanks\t\n \nand =3D = signs=\n.\n..dots\nFrom here',
    'mac\rdos\r\nunix\n',
    `nul \0 and bell \u0007`,
    '🕊'.repeat(300),
    `${'а'.repeat(997)} ${'e'.repeat(2_000)}`,
    `${'a'.repeat(74)}é\n${'a'.repeat(75)}é\n${'a'.repeat(76)}\né${'a'.repeat(70)}\né${'a'.repeat(73)} \n`,
  ]
  for (const text of texts) {
    const raw = buildMessage({ ...PLAIN, text })
    assertWellFormed(raw)
    assert.equal(canonical((await read(raw)).text), canonical(text), JSON.stringify(text.slice(0, 60)))
  }
})

test('a text that is mostly not Latin goes in base64, an accented one in quoted-printable', () => {
  const encodingOf = (text: string): string | undefined =>
    /Transfer-Encoding: (\S+)/.exec(buildMessage({ ...PLAIN, text }).toString('latin1'))?.[1]
  assert.equal(encodingOf(SCRIPTS[1].body), 'base64')
  assert.equal(encodingOf(SCRIPTS[4].body), 'base64')
  assert.equal(encodingOf('Grüße aus der Werkstatt: drei neue Stücke sind da.'), 'quoted-printable')
  assert.equal(encodingOf('plain'), '7bit')
})

test('a text that holds the boundary of its own message is still one part', async () => {
  const first = buildMessage({ ...PLAIN, text: 'a', html: 'b' }).toString('latin1')
  const boundary = /boundary="([^"]+)"/.exec(first)?.[1]
  const text = `x\n--${boundary}\n\ny\n--${boundary}--\nz`
  const email = await read(buildMessage({ ...PLAIN, text, html: 'b' }))
  assert.equal(canonical(email.text), text)
})

test('a message of attachments only, and one without any body, can be read', async () => {
  const attachments = [
    { filename: 'a.txt', contentType: 'message/rfc822', content: Buffer.from('x: y\r\n\r\n') },
  ]
  assert.equal((await read(buildMessage({ ...PLAIN, attachments }))).attachments.length, 1)
  assertWellFormed(buildMessage({ ...PLAIN, attachments }))
  assertWellFormed(buildMessage(PLAIN))
})

test('a line break or NUL in any header is refused', () => {
  const bad: readonly Partial<MessageInput>[] = [
    { subject: 'a\r\nBcc: x@example.com' },
    { subject: 'a\nb' },
    { subject: 'a\0b' },
    { from: { name: 'a\r\nb', email: 'a@example.com' } },
    { from: { name: 'a\r\n', email: 'a@example.com' } },
    { to: { email: 'a@example.com>\r\nRCPT TO:<b@example.com' } },
    { to: { email: 'a@example.com, b@example.com' } },
    { replyTo: { email: 'josé@example.com' } },
    { messageId: '<a@b>\r\nX: y' },
    { headers: [['X-A', 'a\r\nb']] },
    { headers: [['X-A: b\r\nX-B', 'a']] },
    { headers: [['', 'a']] },
    { headers: [['Subject', 'second']] },
    { headers: [['bcc', 'c@example.com']] },
    { headers: [['List-Unsubscribe', '<https://é.example>']] },
    { headers: [['List-Unsubscribe', `<https://example.com/${'a'.repeat(1_000)}>`]] },
    { date: new Date(Number.NaN) },
    { attachments: [{ filename: 'a\r\nb', contentType: 'a/b', content: EVERY_OCTET }] },
    { attachments: [{ filename: 'a', contentType: 'a/b\r\nX: y', content: EVERY_OCTET }] },
    { attachments: [{ filename: 'a', contentType: 'a/b', content: EVERY_OCTET, cid: 'a>\r\nX: y' }] },
  ]
  for (const change of bad) {
    assert.throws(() => buildMessage({ ...PLAIN, ...change }), MailError, JSON.stringify(change))
  }
})

test('a recipient with letters outside ASCII stands in To as they are; a sender cannot have them', () => {
  const to = { name: 'Käthe', email: 'käthe@bücher.example' }
  const raw = buildMessage({ ...PLAIN, to })
  assert.match(raw.toString(), /\r\nTo: =\?UTF-8\?B\?S8OkdGhl\?= <käthe@xn--bcher-kva\.example>\r\n/)
  assert.throws(() => buildMessage({ ...PLAIN, from: to }), MailError)
  assert.throws(() => buildMessage({ ...PLAIN, replyTo: to }), MailError)
})
