import assert from 'node:assert/strict'
import { test } from 'node:test'
import { take } from '@pigeon/sdk'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import PostalMime from 'postal-mime'
import { act, campaignEnd, createCampaign, listOf, type Account } from './account.ts'
import { proveAccounted, received } from './proof.ts'
import { sharedAccount } from './shared-account.ts'

const FROM_NAME = 'Голубь "Pigeon", Ltd. 🕊️'
const PEOPLE = [
  'Zoë "Zizi" Müller-Łukasz, Ph.D.',
  'Юлия Ковалёва',
  'فاطمة الزهراء',
  'अनन्या शर्मा',
  '王小明',
  "Team 👩‍👩‍👧‍👦 O'Neill & Sons <3",
  'The name that is so long that its subject must be folded in several encoded words, ça va, 你好, привет',
].map((name, n) => ({ name, email: `Person.${n}+real@plain.example` }))

const SUBJECT = 'Déjà vu, {{ first_name }}: спасибо, مرحبًا, नमस्ते, 您好 🎉'
const LONG = `${'длинная строка без конца '.repeat(60)}${'x'.repeat(3_000)}.`
const LINES = ['.', '..', '.hidden line', 'From here on', ' leading blank', 'trailing blank ', LONG]
const HTML = `<h1>Hello {{ first_name }} 🕊️</h1>\n${LINES.map((line) => `<p>${line.trim()}</p>`).join('\n')}\n<a href="{{ unsubscribe_url }}">Leave</a>`
const TEXT = `Hello {{ first_name }} 🕊️\n${LINES.join('\n')}\nمرحبًا · नमस्ते · 您好 · Dzień dobry\n{{ unsubscribe_url }}\n`
/** RFC 5322, 2.1.1: at most 998 characters, without CR and LF. */
const LONGEST_LINE = 998

test('real messages arrive as written in five scripts and emoji, and an independent verifier passes both signatures', async () => {
  const account = await sharedAccount()
  const rows = PEOPLE.map(({ name, email }) => `${email},"${name.replaceAll('"', '""')}"`)
  const listId = await listOf(account, 'Real', ['email,first_name', ...rows].join('\r\n'))
  const input = { listId, subject: SUBJECT, html: HTML, text: TEXT, fromName: FROM_NAME }
  const id = await createCampaign(account, input)
  await act(account, id, 'send')
  assert.equal((await campaignEnd(account, id)).states.delivered, PEOPLE.length)
  await proveAccounted(account, id, PEOPLE.length)

  const links: string[] = []
  for (const person of PEOPLE) {
    const raw = await sourceOf(account, id, person.email)
    assertWellFormed(raw)
    await assertSigned(account, raw)
    links.push(await assertAsWritten(account, raw, person))
  }
  assert.equal(new Set(links).size, PEOPLE.length, 'everybody has a link of their own')

  await unsubscribe(links[0] ?? '')
  const next = await createCampaign(account, { ...input, name: 'Next' })
  await act(account, next, 'send')
  await campaignEnd(account, next)
  const reached = await received(account, next)
  assert.deepEqual(
    [...reached.keys()].toSorted(),
    PEOPLE.slice(1).map(({ email }) => email),
  )
})

async function sourceOf(account: Account, campaignId: string, recipient: string): Promise<Buffer> {
  const query = { campaign_id: campaignId, recipient, limit: 10 }
  const { data } = await take(account.pigeon.GET('/v1/sandbox/messages', { params: { query } }))
  const [message] = data
  assert.equal(data.length, 1, recipient)
  assert.ok(message)
  const path = { sequence: message.sequence }
  const options = { params: { path }, parseAs: 'arrayBuffer' } as const
  return Buffer.from(await take(account.pigeon.GET('/v1/sandbox/messages/{sequence}/raw', options)))
}

function assertWellFormed(raw: Buffer): void {
  const text = raw.toString('latin1')
  assert.doesNotMatch(text, /[^\r]\n|\r[^\n]/, 'every line ends with CRLF')
  for (const line of text.split('\r\n')) assert.ok(line.length <= LONGEST_LINE, line.slice(0, 100))
  const header = text.slice(0, text.indexOf('\r\n\r\n'))
  assert.doesNotMatch(header, /[^\x00-\x7f]/, 'header fields are ASCII')
}

/** The verifier is fed with what the API says to publish, and with nothing else. */
async function assertSigned(account: Account, raw: Buffer): Promise<void> {
  const { data: domains } = await take(account.pigeon.GET('/v1/domains'))
  const records = domains.flatMap((domain) => domain.dns_records)
  const resolver = async (name: string): Promise<string[][]> => {
    const found = records.filter((record) => record.name === name).map((record) => [record.value])
    if (found.length === 0) throw Object.assign(new Error(`no record ${name}`), { code: 'ENOTFOUND' })
    return found
  }
  const { results } = await dkimVerify(raw, { resolver })
  const verdicts = results.map(({ algo, signingDomain, status }) => [algo, signingDomain, status.result])
  assert.deepEqual(verdicts.toSorted(), [
    ['ed25519-sha256', account.domain, 'pass'],
    ['rsa-sha256', account.domain, 'pass'],
  ])
}

/** Reads the message with a parser that has nothing to do with what wrote it. Returns the link of RFC 8058. */
async function assertAsWritten(
  account: Account,
  raw: Buffer,
  person: { name: string; email: string },
): Promise<string> {
  const email = await PostalMime.parse(raw)
  const header = (name: string): string => email.headers.find(({ key }) => key === name)?.value ?? ''
  assert.deepEqual(email.from, { name: FROM_NAME, address: account.from })
  assert.deepEqual(email.to, [{ name: '', address: person.email }])
  assert.equal(email.subject, SUBJECT.replace('{{ first_name }}', person.name))
  const link = /^<(https?:\/\/[^>]+)>, <mailto:[^>]+>$/.exec(header('list-unsubscribe'))?.[1] ?? ''
  assert.ok(link.startsWith(`${account.platform.url}/u/`), header('list-unsubscribe'))
  assert.equal(header('list-unsubscribe-post'), 'List-Unsubscribe=One-Click')
  assert.match(email.messageId ?? '', new RegExp(`^<[0-9a-f-]{36}@${account.domain}>$`))
  assert.ok(Math.abs(Date.now() - Date.parse(header('date'))) < 600_000, header('date'))
  const expected = TEXT.replace('{{ first_name }}', person.name).replace('{{ unsubscribe_url }}', link)
  assert.equal(email.text?.replaceAll('\r\n', '\n').trimEnd(), expected.trimEnd())
  const html = email.html ?? ''
  for (const line of [
    `Hello ${escaped(person.name)} 🕊️`,
    ...LINES.map((line) => `>${line.trim()}<`),
    `href="${link}"`,
  ])
    assert.ok(html.includes(line), `${line.slice(0, 80)} is not in ${html}`)
  return link
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** What a mailbox provider does when somebody presses its button: RFC 8058, section 3.2. */
async function unsubscribe(link: string): Promise<void> {
  const response = await fetch(link, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
    redirect: 'error',
    signal: AbortSignal.timeout(30_000),
  })
  assert.equal(response.status, 200)
}
