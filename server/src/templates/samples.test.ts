import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { compileTemplate } from './compile-template.ts'
import { renderData } from './render-data.ts'
import { prepareTemplate, render } from './render-template.ts'
import { SAMPLE_IDS, sampleTemplate, sampleTemplates } from './samples.ts'
import { createTemplateCompiler } from './template-compiler.ts'

/** Gmail shows no more of a message. */
const GMAIL_CLIPS_AT_BYTES = 102 * 1024

const compiler = createTemplateCompiler()
after(async () => await compiler.close())

for (const id of SAMPLE_IDS) {
  test(`the ${id} sample compiles, and renders with its data in preview`, async () => {
    const { source, sample } = await sampleTemplate(id)
    const compiled = await compileTemplate({ compiler }, source)
    const rendered = render(prepareTemplate(compiled), renderData(sample), { mode: 'preview' })
    assert.ok(
      Buffer.byteLength(rendered.html) < GMAIL_CLIPS_AT_BYTES,
      `${Buffer.byteLength(rendered.html)} bytes`,
    )
    for (const part of [rendered.subject, rendered.html, rendered.text])
      assert.doesNotMatch(part, /\{\{|\{%|lqd\d/)
    assert.ok(rendered.text.includes(sample.firstName ?? '?'), rendered.text)
    assert.ok(rendered.html.includes(sample.firstName ?? '?'))
    assert.doesNotMatch(rendered.text, /\n{4}|<[a-z]/, 'the text part has neither gaps nor markup')
  })

  test(`the ${id} sample renders for a contact of whom only the address is known`, async () => {
    const { source } = await sampleTemplate(id)
    const prepared = prepareTemplate(await compileTemplate({ compiler }, source))
    const rendered = render(
      prepared,
      renderData({ email: 'x@example.com', unsubscribeUrl: 'https://u.example/1' }),
      { mode: 'send' },
    )
    assert.doesNotMatch(rendered.html + rendered.text + rendered.subject, /undefined|null|\[object/)
  })
}

test('the newsletter is of realistic size, personal, and has an unsubscribe link and a postal address', async () => {
  const { source, sample } = await sampleTemplate('newsletter')
  const prepared = prepareTemplate(await compileTemplate({ compiler }, source))
  const { subject, html, text } = render(prepared, renderData(sample), { mode: 'send' })
  assert.equal(subject, 'Ada, two new coffees for November 2026')
  assert.ok(html.length > 10_000 && html.length < 35_000, `${html.length} characters`)
  for (const part of [html, text]) {
    assert.match(part, /Łódź/)
    assert.match(part, /4 December/)
    assert.match(part, /https:\/\/mail\.example\.com\/u\/abc123/)
    assert.match(part, /4 Quay Street/)
  }
  assert.notEqual(prepared.html.fast, undefined, 'the demonstration measures the fast way to render')
  assert.match(text, /Unsubscribe \(https:\/\/mail\.example\.com\/u\/abc123\)/)
})

test('the receipt lists every line of the order, escaped in HTML and as written in text', async () => {
  const { source, sample } = await sampleTemplate('receipt')
  const { html, text } = render(
    prepareTemplate(await compileTemplate({ compiler }, source)),
    renderData(sample),
    { mode: 'send' },
  )
  assert.match(html, /Fountain pen &lt;F&gt;/)
  assert.match(html, /12 MG Road<br \/>/)
  assert.match(text, /2 × Notebook A5, dotted \(Cover: moss & stone\) €25\.80\n/)
  assert.match(text, /1 × Fountain pen <F> €20\.60\nTotal €46\.40/)
})

test('the samples are three', async () => {
  assert.deepEqual(
    (await sampleTemplates()).map((sample) => sample.id),
    ['newsletter', 'welcome', 'receipt'],
  )
})
