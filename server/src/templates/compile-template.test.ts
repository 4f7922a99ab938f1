import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Problem } from '#platform/problem.ts'
import { compileTemplate } from './compile-template.ts'
import { prepareTemplate, render } from './render-template.ts'
import { createTemplateCompiler } from './template-compiler.ts'
import { MAX_HTML_CHARACTERS, MAX_MJML_CHARACTERS, MAX_VARIABLES } from './template.ts'
import type { CompiledTemplate, TemplateSource } from './template.ts'

const compiler = createTemplateCompiler()
after(async () => await compiler.close())

async function compile(source: Partial<TemplateSource>): Promise<CompiledTemplate> {
  return await compileTemplate({ compiler }, { subject: '', variables: [], ...source })
}

async function refusal(source: Partial<TemplateSource>): Promise<Problem> {
  try {
    await compile(source)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

function mjml(body: string): string {
  return `<mjml><mj-body><mj-section><mj-column>${body}</mj-column></mj-section></mj-body></mjml>`
}

test('CSS goes into the elements, media queries stay', async () => {
  const html =
    '<style>p { color: red } .a { margin: 0 !important } @media (max-width: 5px) { p { color: blue } }</style><p class="a">x</p>'
  const compiled = await compile({ html })
  assert.match(compiled.html, /<p class="a" style="color: red; margin: 0( !important)?;">x<\/p>/)
  assert.match(compiled.html, /@media/)
  assert.doesNotMatch(compiled.html, /\.a \{/)
})

test('Liquid survives wherever HTML lets it stand', async () => {
  const html = [
    '<style>.c { color: {{ colour | default: "red" }}; } </style>',
    '<style>{% if wide %}.w { width: 9px }{% endif %}</style>',
    '<a class="c" {% if blank %}target="_blank"{% endif %} href="https://x.example/{{ id }}?a=1&amp;b={{ b | append: "\'" }}">{{ a }}</a>',
    '<table>{% for i in items %}<tr><td title=\'{{ i["x"] }}\'>{{ i.n }}</td></tr>{% endfor %}</table>',
    '<!--[if mso]>{{ mso }}<![endif]--><p>{% raw %}{{ raw }}{% endraw %}{% if a < 3 and b > 4 %}<b>x</b>{% endif %}</p>',
  ].join('\n')
  const compiled = await compile({ html, text: 'x' })
  const data = {
    colour: 'navy',
    wide: true,
    blank: 'yes',
    id: 7,
    b: '<',
    a: 1,
    items: [{ x: 'X', n: 'N' }],
    mso: 'M',
  }
  const rendered = render(prepareTemplate(compiled), data, { mode: 'send' }).html
  assert.match(rendered, /<style>\.w \{ width: 9px \}<\/style>/)
  assert.match(
    rendered,
    /<a class="c"\s+target="_blank"\s+href="https:\/\/x\.example\/7\?a=1&amp;b=&lt;&#39;" style="color: navy;">1<\/a>/,
  )
  assert.match(rendered, /<tr><td title="X">N<\/td><\/tr>/)
  assert.match(rendered, /<!--\[if mso\]>M<!\[endif\]--><p>\{\{ raw \}\}<\/p>/)
})

test('MJML becomes HTML, with Liquid in attributes, between elements and in tables', async () => {
  const body =
    '<mj-raw>{% for i in items %}</mj-raw><mj-text color="{{ colour }}">{{ i }}</mj-text><mj-raw>{% endfor %}</mj-raw><mj-button href="{{ url }}">Go</mj-button>'
  const compiled = await compile({ mjml: mjml(body) })
  const rendered = render(
    prepareTemplate(compiled),
    { items: ['one', 'two'], colour: '#123456', url: 'https://x.example/?a=1&b=2' },
    { mode: 'preview' },
  )
  assert.equal(rendered.html.match(/color:#123456/g)?.length, 2)
  assert.match(rendered.html, /href="https:\/\/x\.example\/\?a=1&amp;b=2"/)
  assert.equal(rendered.text, 'one\n\ntwo\n\nGo (https://x.example/?a=1&b=2)\n')
  assert.doesNotMatch(compiled.html, /fonts\.googleapis/)
})

test('an MJML error names the line of the source, also below Liquid of several lines', async () => {
  const source = `<mjml>\n<mj-body>{% comment %}\n\n{% endcomment %}\n<mj-section><mj-column><mj-text>{{ a |\n upcase }}</mj-text>\n<mj-nonsense/></mj-column></mj-section></mj-body></mjml>`
  const problem = await refusal({ mjml: source })
  assert.equal(problem.code, 'templates.mjml_invalid')
  assert.match(problem.message, /line 7: mj-nonsense: Element mj-nonsense doesn't exist/)
  assert.equal(problem.errors[0]?.field, 'mjml')
})

test('what is no MJML is refused', async () => {
  for (const source of [
    'hello',
    '<p>x</p>',
    '<mjml>',
    '\u0000\u0001\u0002',
    '<mjml><mj-body><mj-text>x</mj-text></mj-body></mjml>',
  ]) {
    assert.equal((await refusal({ mjml: source })).code, 'templates.mjml_invalid', source)
  }
})

test('mj-include is refused however it is spelled', async () => {
  for (const include of [
    '<mj-include path="/etc/passwd" />',
    '<MJ-INCLUDE path="./x.html" type="html"/>',
    '<mj-include\npath="x" type="css" />',
  ]) {
    const problem = await refusal({ mjml: `<mjml>\n<mj-body>${include}</mj-body></mjml>` })
    assert.match(problem.message, /line 2: mj-include is not available/)
  }
})

test('Liquid that MJML would drop is refused with its line', async () => {
  const problem = await refusal({
    mjml: '<mjml><mj-body><mj-section>\n{% if a %}<mj-column></mj-column>{% endif %}</mj-section></mj-body></mjml>',
  })
  assert.equal(problem.code, 'templates.liquid_lost')
  assert.match(problem.message, /\{% if a %\} on line 2 of the mjml would be lost\. .*<mj-raw>/)
})

test('syntax errors name the part as the author calls it, line and column', async () => {
  const cases: readonly (readonly [Partial<TemplateSource>, RegExp])[] = [
    [{ html: 'x', subject: '{{ a' }, /subject, line 1, column 1/],
    [{ html: 'x', text: 'a\n {% if b %}' }, /text, line 2, column 2/],
    [{ html: '<p>\n{% endfor %}</p>' }, /html, line 2, column 1/],
    [{ mjml: '<mjml>\n\n  {{ a | nope }}</mjml>' }, /mjml, line 3, column 3/],
  ]
  for (const [source, place] of cases) {
    const problem = await refusal(source)
    assert.equal(problem.code, 'templates.syntax')
    assert.match(problem.message, place)
  }
})

test('a problem in rendering names the line of the MJML source, not of the HTML made from it', async () => {
  const compiled = await compile({
    mjml: `<mjml>\n<mj-body>\n<mj-section><mj-column>\n<mj-text>{{ a }}</mj-text>\n<mj-text>\n{{ b }}</mj-text></mj-column></mj-section></mj-body></mjml>`,
  })
  const prepared = prepareTemplate(compiled)
  assert.throws(() => render(prepared, { a: 1 }, { mode: 'preview' }), /"b" is not defined \(html, line 6\)/)
})

test('text is made from HTML: links with their address, alternative texts, lists, tables by row', async () => {
  const html = `<html><head><title>No</title><style>p{color:red}</style>{% assign who = first_name %}</head><body>
    <div style="display:none;max-height:0">Preheader</div><h1>Hello {{ who }}</h1>
    <p>See <a href="{{ url }}">the offer</a>, or <a href="https://x.example/">https://x.example/</a>.</p>
    <ul>{% for i in items %}<li>{{ i }}</li>{% endfor %}</ul><img src="x.png" alt="A boat"><img src="pixel.gif" alt="">
    <table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>&copy; &amp; done{% if no %}<p>hidden</p>{% endif %}</body></html>`
  const compiled = await compile({ html })
  const { text } = render(
    prepareTemplate(compiled),
    { first_name: 'A & B', url: 'https://y.example/?a=1&b=2', items: ['x', 'y'] },
    { mode: 'send' },
  )
  assert.match(text, /^Hello A & B\n/)
  assert.match(text, /See the offer \(https:\/\/y\.example\/\?a=1&b=2\), or https:\/\/x\.example\/\.\n/)
  assert.match(text, /\* x\n/)
  assert.match(text, /A boat\na b\nc d\n\n© & done/)
  assert.doesNotMatch(text, /Preheader|color|hidden|No/)
})

test('HTML whose tags straddle what the text drops asks for a text part', async () => {
  const html = '<style>{% if a %}p{}</style><p>x{% endif %}</p>'
  assert.equal((await refusal({ html })).code, 'templates.text_needed')
  assert.equal((await compile({ html, text: 'by hand' })).text, 'by hand')
})

test('a template may have only text', async () => {
  const compiled = await compile({ text: 'Hi {{ a }} <b>' })
  assert.deepEqual(render(prepareTemplate(compiled), { a: '&' }, { mode: 'preview' }), {
    subject: '',
    html: '',
    text: 'Hi & <b>',
  })
})

test('a compiled template is JSON', async () => {
  const compiled = await compile({
    html: '<p>{{ a }}</p>',
    subject: 'Ωmega {{ a }}',
    variables: [{ name: 'a', default: 1 }],
  })
  assert.deepEqual(JSON.parse(JSON.stringify(compiled)), compiled)
})

test('words that look like the shield of Liquid stay as they are', async () => {
  const compiled = await compile({ html: '<p>lqd0x0z lqd1x0z {{ a }} LQD2X0Z</p>' })
  assert.equal(compiled.html, '<p>lqd0x0z lqd1x0z {{ a }} LQD2X0Z</p>')
})

test('contents, sizes and variables outside the limits are refused before compiling', async () => {
  const cases: readonly (readonly [Partial<TemplateSource>, string])[] = [
    [{}, 'templates.no_content'],
    [{ html: ' \n' }, 'templates.no_content'],
    [{ html: 'x', mjml: mjml('') }, 'templates.two_contents'],
    [{ html: 'x'.repeat(MAX_HTML_CHARACTERS + 1) }, 'templates.too_large'],
    [{ mjml: 'x'.repeat(MAX_MJML_CHARACTERS + 1) }, 'templates.too_large'],
    [{ html: 'x', subject: 'x'.repeat(2_001) }, 'templates.too_large'],
    [
      {
        html: 'x',
        variables: Array.from({ length: MAX_VARIABLES + 1 }, (_, index) => ({ name: `v${index}` })),
      },
      'templates.too_many_variables',
    ],
    [{ html: 'x', variables: [{ name: 'a' }, { name: 'a' }] }, 'templates.variable_twice'],
    ...['', 'a b', '1', 'a..b', '{{', 'x'.repeat(101)].map(
      (name) => [{ html: 'x', variables: [{ name }] }, 'templates.variable_name'] as const,
    ),
  ]
  for (const [source, code] of cases)
    assert.equal((await refusal(source)).code, code, JSON.stringify(source).slice(0, 80))
  await compile({ html: 'x', variables: [{ name: 'город' }, { name: 'campaign.name' }] })
})

test('CSS that asks for files or addresses is not followed', async () => {
  const html =
    '<style>@import url("http://127.0.0.1:9/x.css"); @import "/etc/passwd";</style><link rel="stylesheet" href="file:///etc/passwd"><p>x</p>'
  const compiled = await compile({ html })
  assert.doesNotMatch(compiled.html, /root:/)
})

test('five scripts and emoji survive compiling', async () => {
  const words = 'Łódź Привет مرحبا 山田さん नमस्ते 👩‍👩‍👧'
  for (const source of [
    { html: `<p>${words} {{ a }}</p>` },
    { mjml: mjml(`<mj-text>${words} {{ a }}</mj-text>`) },
  ]) {
    const compiled = await compile(source)
    assert.ok(compiled.html.includes(words) && compiled.text.includes(words))
  }
})
