import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { parseLinkToken, parseTrackingToken } from '@pigeon/mail/tracking-token.ts'
import { renderData, type TemplateData } from '#templates/render-data.ts'
import { prepareTemplate, render } from '#templates/render-template.ts'
import { trackContent, type TrackingChoice } from './track-content.ts'

const key = createSecretKey(Buffer.alloc(32, 1))
const tenantId = '0190a0a0-0000-7000-8000-000000000001'
const campaignId = '0190a0a0-0000-7000-8000-0000000000c1'
const messageId = '0190a0a0-0000-7000-8000-00000000000a'
const unsubscribeUrl = 'https://mail.example/u/token'
const baseUrl = 'https://links.shop.example'
const sentAt = new Date('2026-03-01T12:00:00Z')

/** One message of a campaign with this HTML. */
function sent(html: string, data: TemplateData = {}, choice: Partial<TrackingChoice> = {}): string {
  const campaign = { tenantId, campaignId, baseUrl, opens: false, clicks: true, ...choice }
  const tracked = trackContent({ key }, campaign, html)
  const compiled = { subject: '', html: tracked?.html ?? html, text: '', variables: [], lines: {} }
  const recipient = { email: 'ann@dest.example', attributes: data, unsubscribeUrl }
  const rendered = render(prepareTemplate(compiled), renderData(recipient), { mode: 'send' }).html
  return tracked?.mark(rendered, { messageId, unsubscribeUrl }, sentAt) ?? rendered
}

/** Where the links of a message really lead: positions and addresses; the trap has none. */
function clicked(html: string): [index: number, url: string][] {
  return [...html.matchAll(/https:\/\/links\.shop\.example\/c\/([\w-]+)\/([\w-]+)/g)].map(
    ([, message, link]) => {
      const parsed = parseTrackingToken(key, message ?? '')
      assert.ok(parsed !== undefined)
      assert.deepEqual([parsed.tenantId, parsed.messageId], [tenantId, messageId])
      assert.equal(parsed.sentAtSeconds, sentAt.getTime() / 1000)
      const found = parseLinkToken(key, parsed, link ?? '')
      assert.ok(found !== undefined)
      return [found.index, found.url]
    },
  )
}

const TRAP: [number, string] = [0, '']

test('links lead through the tracking address, with what they were in their tokens', () => {
  const html = sent(
    '<body><a href="https://shop.example/a?b=1&amp;c=2#d">1</a> <a href=\'http://other.example\'>2</a></body>',
  )
  assert.deepEqual(clicked(html), [
    TRAP,
    [0, 'https://shop.example/a?b=1&c=2#d'],
    [1, 'http://other.example/'],
  ])
  assert.doesNotMatch(html, /shop\.example\/a|other\.example|\u{E000}/u)
})

test('unsubscribe links, mailto, anchors, relative addresses and opted-out links stay as they are', () => {
  for (const link of [
    '<a href="{{ unsubscribe_url }}">leave</a>',
    '<a href="{{ unsubscribe_url }}/lists">lists</a>',
    '<a href="https://shop.example/unsubscribe?id={{ email }}">leave</a>',
    '<a href="https://shop.example/opt-out">leave</a>',
    '<a href="mailto:ann@shop.example">write</a>',
    '<a href="tel:{{ phone }}">call</a>',
    '<a href="#top">up</a>',
    '<a href="/relative">x</a>',
    '<a href="//shop.example/x">x</a>',
    '<a data-track="off" href="https://shop.example/x">x</a>',
    '<a href="https://user:secret@shop.example/">x</a>',
    '<a href="https://">x</a>',
    '<a href="javascript:alert(1)">x</a>',
    `<a href="https://shop.example/${'x'.repeat(3_000)}">x</a>`,
  ]) {
    const html = sent(link, { phone: '+1 555' })
    assert.deepEqual(clicked(html), [], link)
    assert.match(html, /^<a [^>]*>[a-z]+<\/a>$/, link)
  }
})

test('an unsubscribe link stays one whatever its variable is called', () => {
  const html = sent(
    '{% assign bye = unsubscribe_url %}<a href="{{ bye }}">x</a><a href="https://a.example/">y</a>',
  )
  assert.match(html, /<a href="https:\/\/mail\.example\/u\/token">x/)
  assert.deepEqual(clicked(html), [TRAP, [1, 'https://a.example/']])
})

test('an address that depends on the recipient is tracked as it was rendered', () => {
  const html = sent(
    '<a href="https://shop.example/{{ city }}?a={{ email }}&amp;b=1">1</a>{% for page in pages %}<a href="{{ page }}">{{ page }}</a>{% endfor %}',
    { city: 'Zürich', pages: ['https://a.example/', 'ftp://b.example/', 'nothing'] },
  )
  assert.deepEqual(clicked(html), [
    TRAP,
    [0, 'https://shop.example/Z%C3%BCrich?a=ann@dest.example&b=1'],
    [1, 'https://a.example/'],
  ])
  assert.match(html, /<a href="ftp:\/\/b\.example\/">.*<a href="nothing">/)
})

test('what a recipient calls himself becomes no link and breaks none', () => {
  const name = '\u{E000}o0:https://evil.example\u{E000}c'
  const html = sent('<a href="https://shop.example/{{ city }}">{{ name }}</a>', { name, city: 'a\u{E000}c' })
  assert.deepEqual(clicked(html), [TRAP, [0, 'https://shop.example/a%EE%80%80c']])
  assert.ok(html.includes(name))
})

test('a Liquid tag that begins in an address and ends behind it leaves no mark', () => {
  const html = sent('<a href="https://a.example/{% if no %}x" title="{% else %}y{% endif %}">z</a>')
  assert.doesNotMatch(html, /\u{E000}/u)
  assert.match(html, /https:\/\/a\.example\/y/)
})

test('the link that no person sees comes first, and only where links are tracked', () => {
  const html = sent('<html><body><p>Hi</p><a href="https://a.example/">x</a></body></html>')
  assert.match(
    html,
    /<body><a href="[^"]+" style="display:none" aria-hidden="true" tabindex="-1"[^>]*><\/a><p>/,
  )
  assert.doesNotMatch(sent('<p>no links</p>'), /<a/)
})

test('openings are seen by a picture of one point at the end', () => {
  const html = sent('<body><a href="https://a.example/">x</a></body>', {}, { opens: true, clicks: false })
  const source =
    /<img src="https:\/\/links\.shop\.example\/o\/([\w-]+)" width="1" height="1" alt=""[^>]*><\/body>$/.exec(
      html,
    )
  assert.equal(parseTrackingToken(key, source?.[1] ?? '')?.messageId, messageId)
  assert.match(html, /href="https:\/\/a\.example\/"/)
})

test('without tracking the content is as it was', () => {
  const html = '<body><a href="https://a.example/">x</a></body>'
  assert.equal(sent(html, {}, { clicks: false }), html)
  assert.equal(sent(''), '')
})
