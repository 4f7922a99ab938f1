import assert from 'node:assert/strict'
import test from 'node:test'
import { Problem } from '#platform/problem.ts'
import { renderData } from './render-data.ts'
import type { TemplateData } from './render-data.ts'
import { prepareTemplate, render } from './render-template.ts'
import type { RenderMode } from './render-template.ts'
import type { CompiledTemplate } from './template.ts'

const ADA = renderData({
  email: 'ada@example.com',
  firstName: 'Ada',
  attributes: { city: 'Łódź', plan: 'pro' },
  campaignName: 'May',
})

function compiled(parts: Partial<CompiledTemplate>): CompiledTemplate {
  return { subject: '', html: '', text: '', variables: [], lines: {}, ...parts }
}

function renderHtml(html: string, data: TemplateData = ADA, mode: RenderMode = 'send'): string {
  return render(prepareTemplate(compiled({ html })), data, { mode }).html
}

function problemOf(run: () => unknown): Problem {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error
  }
  return assert.fail('nothing was refused')
}

test('HTML escapes values unless raw, text and subject do not', () => {
  const name = `<b>"Ada" & 'co'</b>`
  const parts = {
    subject: '{{ name }}',
    html: '<p title="{{ name }}">{{ name | raw }}</p>',
    text: '{{ name }} {{ name | escape }}',
  }
  const rendered = render(prepareTemplate(compiled(parts)), { name }, { mode: 'send' })
  assert.equal(rendered.subject, name)
  assert.equal(rendered.html, `<p title="&lt;b&gt;&#34;Ada&#34; &amp; &#39;co&#39;&lt;/b&gt;">${name}</p>`)
  assert.equal(rendered.text, `${name} ${name}`)
})

test('an escape that the author writes escapes once', () => {
  assert.equal(
    renderHtml('{{ a | escape }}{{ a | escape_once }}{{ a | upcase | escape }}', { a: 'a&b' }),
    'a&amp;ba&amp;bA&amp;B',
  )
})

test('every way to put a value into HTML escapes it', () => {
  const templates = [
    '{{ x }}',
    '{% echo x %}',
    '{% cycle x, x %}',
    '{% assign y = x %}{{ y }}',
    '{{ "" | append: x }}',
    '{{ missing | default: x }}',
    '{% for y in list %}{{ y }}{% endfor %}',
    '{% liquid echo x\n%}',
    '{% case 1 %}{% when 1 %}{{ x }}{% endcase %}',
    '{% tablerow y in list %}{{ y }}{% endtablerow %}',
    '{% capture y %}{{ x }}{% endcapture %}{{ y | raw }}',
    '{{ list }}',
    '{{ x | newline_to_br }}',
    '{{ list | join: "," }}',
    '{{ x | json }}',
  ]
  for (const template of templates) {
    assert.ok(!renderHtml(template, { x: '<script>', list: ['<script>'] }).includes('<script'), template)
    assert.match(renderHtml(template, { x: '<script>', list: ['<script>'] }), /&lt;script&gt;/, template)
  }
})

test('a subject is one line whatever the data holds', () => {
  const prepared = prepareTemplate(compiled({ subject: 'Hi {{ name }}\n ok' }))
  assert.equal(
    render(prepared, { name: 'a\r\nBcc: x@example.com\u2028\u0000b' }, { mode: 'send' }).subject,
    'Hi a Bcc: x@example.com b ok',
  )
})

test('a subject too long for a header is refused', () => {
  const prepared = prepareTemplate(compiled({ subject: '{{ name }}' }))
  assert.equal(
    problemOf(() => render(prepared, { name: 'x'.repeat(901) }, { mode: 'send' })).code,
    'templates.too_large',
  )
})

test('a preview names the undefined variable, the part and the line', () => {
  const problem = problemOf(() => renderHtml('a\n\n{{ contact.shoe_size }}', ADA, 'preview'))
  assert.equal(problem.code, 'templates.undefined_variable')
  assert.match(problem.message, /"contact\.shoe_size" is not defined \(html, line 3\)/)
  assert.equal(problem.errors[0]?.field, 'html')
})

test('a preview does not complain about a variable that a condition or a default filter asks about', () => {
  assert.equal(
    renderHtml('{% if nope %}a{% else %}b{% endif %}{{ nope | default: "c" }}', ADA, 'preview'),
    'bc',
  )
})

test('sending puts the declared default for what is missing, null or empty, else nothing', () => {
  const prepared = prepareTemplate(
    compiled({
      html: '{{ a }}|{{ b }}|{{ c }}|{{ d }}|{{ campaign.name }}|{{ contact.a }}',
      variables: [
        { name: 'a', default: 'A' },
        { name: 'b', default: 7 },
        { name: 'c', default: false },
        { name: 'd' },
        { name: 'campaign.name', default: 'N' },
      ],
    }),
  )
  const data = { a: '', b: null, campaign: {}, contact: { a: null } }
  assert.equal(render(prepared, data, { mode: 'send' }).html, 'A|7|false||N|A')
  assert.equal(
    problemOf(() => render(prepared, data, { mode: 'preview' })).code,
    'templates.undefined_variable',
  )
  assert.deepEqual(data, { a: '', b: null, campaign: {}, contact: { a: null } })
})

test('a preview shows the default of a value that is there but empty', () => {
  const prepared = prepareTemplate(
    compiled({ html: '{{ a }}', variables: [{ name: 'a', default: 'friend' }] }),
  )
  assert.equal(render(prepared, { a: '' }, { mode: 'preview' }).html, 'friend')
})

test('syntax errors name part, line and column', () => {
  for (const html of [
    'ok\n  {% if a %}',
    'ok\n  {{ a ',
    'ok\n  {% nonsense %}',
    'ok\n  {{ a | nonsense }}',
    'ok\n  {{ "a }}',
  ]) {
    const problem = problemOf(() => renderHtml(html))
    assert.equal(problem.code, 'templates.syntax')
    assert.match(problem.message, /html, line 2, column 3: /, html)
  }
})

test('tags that read files are refused by name', () => {
  for (const tag of [
    '{% include "/etc/passwd" %}',
    '{% render "x" %}',
    '{% layout "x" %}',
    '{% block x %}{% endblock %}',
  ]) {
    assert.match(
      problemOf(() => renderHtml(tag)).message,
      /is not available: a template cannot read other files/,
      tag,
    )
  }
})

test('a template sees own properties only', () => {
  const paths = [
    'constructor',
    'contact.constructor',
    'contact.__proto__',
    'email.constructor.name',
    '__proto__.polluted',
    'contact.hasOwnProperty',
  ]
  for (const path of paths) {
    assert.equal(renderHtml(`{{ ${path} }}{% if ${path} %}seen{% endif %}`), '', path)
    assert.equal(renderHtml(`{% assign x = ${path} %}{{ x }}`), '', path)
    assert.equal(
      problemOf(() => renderHtml(`{{ ${path} }}`, ADA, 'preview')).code,
      'templates.undefined_variable',
    )
  }
  assert.equal(
    renderHtml('{{ list | map: "constructor" | join: "" }}{{ list | where: "__proto__" | size }}', {
      list: [{ a: 1 }],
    }),
    '0',
  )
})

test('data with the names of JavaScript methods neither runs nor breaks', () => {
  const data: TemplateData = JSON.parse('{"a":{"toString":"x","valueOf":1,"toLiquid":2},"__proto__":{"b":1}}')
  assert.equal(renderHtml('{{ a }}', data), '[object Object]')
  assert.equal(renderHtml('{% assign b = a %}{{ b }}', data), '[object Object]')
})

const HOSTILE: Readonly<Record<string, string>> = {
  'a huge range': '{% for i in (1..100000000) %}x{% endfor %}',
  'an endless loop':
    '{% for i in (1..1000) %}{% for j in (1..1000) %}{% for k in (1..1000) %}{% endfor %}{% endfor %}{% endfor %}',
  'a string that doubles by append':
    '{% assign a = "xxxxxxxxxxxxxxxx" %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}{{ a }}',
  'a string that doubles by capture':
    '{% capture a %}xxxxxxxx{% endcapture %}{% for i in (1..60) %}{% capture a %}{{ a | raw }}{{ a | raw }}{% endcapture %}{% endfor %}{{ a | raw }}',
  'a list that contains itself':
    '{% assign a = "x,y" | split: "," %}{% for i in (1..60) %}{% assign a = a | concat: a %}{% endfor %}{{ a }}',
  'lists nested in groups':
    '{% assign a = "x,y" | split: "," %}{% for i in (1..40) %}{% assign g = a | group_by: "size" %}{% assign m = g | map: "items" %}{% assign a = m | concat: m %}{% endfor %}{{ a }}',
  'a wide date': '{{ "2020-01-01" | date: "%1000000000Y" }}',
  'a literal written too often': `{% for i in (1..100000) %}${'x'.repeat(50_000)}{% endfor %}`,
  'a big value written too often': '{% for i in (1..100000) %}{{ big | raw }}{% endfor %}',
  'a replacement that explodes': '{{ big | replace: "x", big }}',
  'a long sort':
    '{% assign s = (1..1900000) | sort | reverse | sort %}{% for i in (1..99) %}{% assign s = s | sort %}{% endfor %}',
}

for (const [name, html] of Object.entries(HOSTILE)) {
  for (const mode of ['send', 'preview'] as const) {
    test(`${name} ends with a refusal in ${mode}`, () => {
      const prepared = prepareTemplate(compiled({ html }))
      const start = performance.now()
      const problem = problemOf(() => render(prepared, { big: 'x'.repeat(100_000) }, { mode }))
      assert.match(problem.code, /^templates\.(too_slow|too_large|render_failed)$/)
      assert.match(problem.message, /html, line 1/)
      assert.ok(performance.now() - start < 4_000, `${performance.now() - start} ms`)
    })
  }
}

test('a value repeated beyond the size of a message is refused without a loop as well', () => {
  const prepared = prepareTemplate(compiled({ html: '{{ big }}'.repeat(200) }))
  assert.notEqual(prepared.html.fast, undefined)
  assert.equal(
    problemOf(() => render(prepared, { big: 'x'.repeat(100_000) }, { mode: 'send' })).code,
    'templates.too_large',
  )
})

test('templates that take long to parse are refused before', () => {
  assert.equal(problemOf(() => renderHtml('{{a}}'.repeat(10_001))).code, 'templates.too_many_tags')
  assert.equal(
    problemOf(() => renderHtml('{% if a %}'.repeat(60) + '{% endif %}'.repeat(60))).code,
    'templates.too_deep',
  )
  const start = performance.now()
  for (const html of [
    '{{'.repeat(500_000),
    `{% raw %}${'{% x'.repeat(200_000)}`,
    `{{ a${'[a'.repeat(100_000)}${']'.repeat(100_000)} }}`,
  ]) {
    assert.equal(problemOf(() => renderHtml(html)).code, 'templates.syntax')
  }
  assert.ok(performance.now() - start < 5_000)
})

test('names of ours win over attributes, and attributes are at the top level too', () => {
  const attributes = {
    email: 'evil@example.com',
    campaign: 'x',
    contact: 'y',
    unsubscribe_url: 'z',
    city: 'Oslo',
    first_name: 'Eve',
  }
  const data = renderData({
    email: 'ada@example.com',
    firstName: null,
    lastName: 'L',
    attributes,
    unsubscribeUrl: 'https://u.example',
    campaignName: 'May',
  })
  const html =
    '{{ email }} {{ contact.email }} {{ first_name }} {{ contact.last_name }} {{ city }} {{ contact.city }} {{ unsubscribe_url }} {{ campaign.name }}'
  assert.equal(renderHtml(html, data), 'ada@example.com ada@example.com  L Oslo Oslo https://u.example May')
})

test('five scripts and emoji come out as written', () => {
  const names = ['Łukasz', 'Ольга', 'محمد', '山田太郎', 'प्रिया', '👩‍👩‍👧']
  for (const name of names) {
    const data = renderData({ email: 'a@example.com', firstName: name })
    assert.equal(renderHtml('Hi {{ first_name }}!', data), `Hi ${name}!`)
    assert.equal(renderHtml('{% for i in (1..2) %}{{ first_name }}{% endfor %}', data), name + name)
  }
})

test('dates are written in UTC, or in the zone that they carry', () => {
  assert.equal(
    renderHtml('{{ d | date: "%Y-%m-%d %H:%M" }}', { d: '2026-11-22T10:00:00Z' }),
    '2026-11-22 10:00',
  )
  assert.equal(renderHtml('{{ d | date: "%H:%M %z" }}', { d: '2026-11-22T10:00:00+05:00' }), '10:00 +0500')
})
