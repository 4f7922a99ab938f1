import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findLinks } from './find-links.ts'

const written = (html: string) => findLinks(html).links.map((link) => link.written)

test('addresses of links are found with any quotes, in any order of attributes', () => {
  const html = `<A class="b" HREF="https://a/">1</A><a href='https://b/?x="'>2</a><a href=https://c/ id=d>3</a><area shape="rect" href="https://d/">`
  assert.deepEqual(written(html), ['https://a/', 'https://b/?x="', 'https://c/', 'https://d/'])
  const [first] = findLinks(html).links
  assert.equal(html.slice(first?.start, first?.end), 'https://a/')
})

test('what is not a link is not one', () => {
  for (const html of [
    '<!-- <a href="https://a/"> -->',
    '<!--[if mso]><a href="https://a/">x</a><![endif]-->',
    '<p title=\'<a href="https://a/">\'>x</p>',
    '<style>a[href="https://a/"] { } <a href="https://a/"></style>',
    '<script>"<a href=\'https://a/\'>"</script>',
    '<abbr href="https://a/">',
    '<link href="https://a/">',
    '<a name="x">anchor</a>',
    '{% comment %}{% endcomment %}{{ "<a href=\'x\'>" }}',
    '<a',
    '<a href="',
    '1 < 2 and a href="x"',
  ])
    assert.deepEqual(
      written(html).filter((each) => each !== ''),
      [],
      html,
    )
})

test('quotes and brackets of Liquid are none of HTML', () => {
  assert.deepEqual(
    written('<a {% if a > "1" %}class="x"{% endif %} href="https://a/{{ b | default: "c>" }}?d=1">x</a>'),
    ['https://a/{{ b | default: "c>" }}?d=1'],
  )
  assert.deepEqual(written('<a href={{ url }}>x</a>'), ['{{ url }}'])
})

test('an author opts a link out', () => {
  const { links } = findLinks(
    '<a data-track="off" href="https://a/">1</a><a data-track href="https://b/">2</a>',
  )
  assert.deepEqual(
    links.map((link) => link.isOptedOut),
    [true, false],
  )
})

test('the body is where it is written, else all of it', () => {
  const html = '<html><body class="a>b"><p>x</p></body></html>'
  const { bodyStart, bodyEnd } = findLinks(html)
  assert.equal(html.slice(bodyStart, bodyEnd), '<p>x</p>')
  assert.deepEqual([findLinks('<p>x').bodyStart, findLinks('<p>x').bodyEnd], [0, 4])
})

test('a hostile source takes time in proportion to its length', () => {
  for (const piece of ['<a href="{{', '<a ', '{{', '<!--', '<style>', '<a href=', '"\'<'])
    assert.ok(findLinks(piece.repeat(50_000)).links.length <= 50_000)
})
