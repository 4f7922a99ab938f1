import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { compileTemplate } from '#templates/compile-template.ts'
import type { TemplateData, TemplateValue } from '#templates/render-data.ts'
import { prepareTemplate, render } from '#templates/render-template.ts'
import { createTemplateCompiler } from '#templates/template-compiler.ts'
import { mustacheToLiquid } from './mustache-to-liquid.ts'
import type { TranslatedTemplate } from './mustache-to-liquid.ts'

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))
const CORPUS = process.env.PIGEON_CORPUS ?? join(REPOSITORY, '..', 'shared', 'corpus')
const TEMPLATES = join(CORPUS, 'templates')
/** The corpus has eleven; far fewer means that the wrong folder is read. */
const LEAST_TEMPLATES = 10

const VOID_ELEMENTS = new Set([
  'area',
  'base',
  'br',
  'col',
  'embed',
  'hr',
  'img',
  'input',
  'link',
  'meta',
  'source',
  'track',
  'wbr',
])

const compiler = createTemplateCompiler()
after(async () => await compiler.close())

const files = existsSync(TEMPLATES) ? globSync('**/*.html', { cwd: TEMPLATES }).sort() : []

test('the corpus of real templates is there', () => {
  const hint = `No corpus of templates at ${TEMPLATES}: set PIGEON_CORPUS to the folder that holds "templates".`
  assert.ok(files.length >= LEAST_TEMPLATES, hint)
})

for (const file of files) {
  const name = relative('', dirname(file))
  // They come with their CSS inlined already: without it, so that our inlining is what is seen.
  const html = readFileSync(join(TEMPLATES, file), 'utf8').replace(/ style="[^"]*"/g, '')
  const textFile = join(TEMPLATES, file.replace(/\.html$/, '.txt'))

  test(`${name} renders with a text part made from its HTML`, async () => {
    await assertRenders(html, undefined)
  })

  if (existsSync(textFile)) {
    test(`${name} renders with its own text part`, async () => {
      await assertRenders(html, readFileSync(textFile, 'utf8'))
    })
  }
}

async function assertRenders(htmlSource: string, textSource: string | undefined): Promise<void> {
  const html = mustacheToLiquid(htmlSource)
  const text = mustacheToLiquid(textSource ?? withoutPreheader(htmlSource))
  const data = sampleData([html, text])
  const source = { subject: 'A corpus template', html: html.liquid, variables: [] }
  const compiled = await compileTemplate(
    { compiler },
    textSource === undefined ? source : { ...source, text: text.liquid },
  )
  const rendered = render(prepareTemplate(compiled), data, { mode: 'preview' })
  assertResolved(rendered.html, html.literals)
  assertResolved(rendered.text, text.literals)
  assertBalanced(rendered.html)
  assert.match(rendered.text, /\S/)
  assert.match(rendered.html, /<td[^>]* style="/, 'the CSS is inlined')
  for (const value of valuesOf(html, data))
    assert.ok(rendered.html.includes(escaped(value)), `${value} is not in the HTML`)
  for (const value of valuesOf(text, data))
    assert.ok(rendered.text.includes(value), `${value} is not in the text`)
}

/** The line that only an inbox shows; it is left out of text on purpose. */
function withoutPreheader(html: string): string {
  return html.replace(/<span class="preheader"[^>]*>[^]*?<\/span>/g, '')
}

function sampleData(templates: readonly TranslatedTemplate[]): TemplateData {
  const data: Record<string, TemplateValue> = {}
  for (const { values, lists } of templates) {
    for (const name of values) data[name] = sampleValue(name, '')
    for (const list of lists.keys()) {
      const names = new Set(templates.flatMap((template) => [...(template.lists.get(list) ?? [])]))
      data[list] = ['1', '2'].map((row) =>
        Object.fromEntries([...names].map((name) => [name, sampleValue(name, row)])),
      )
    }
  }
  return data
}

function sampleValue(name: string, row: string): string {
  return name.endsWith('url')
    ? `https://links.example/${name}${row}?a=1&b=2`
    : `<${name}${row}> "Zoë" & 山田's`
}

function valuesOf({ values, lists }: TranslatedTemplate, data: TemplateData): readonly string[] {
  const found = [...values].map((name) => data[name])
  for (const [list, names] of lists) {
    const rows = data[list]
    assert.ok(Array.isArray(rows))
    for (const row of rows)
      for (const name of names)
        found.push(
          typeof row === 'object' && row !== null && !Array.isArray(row) ? Reflect.get(row, name) : undefined,
        )
  }
  return found.map((value) => {
    assert.ok(typeof value === 'string')
    return value
  })
}

function escaped(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
}

function assertResolved(rendered: string, literals: number): void {
  assert.equal(rendered.match(/\{\{/g)?.length ?? 0, literals, 'a placeholder is left')
  assert.doesNotMatch(rendered, /\{%|lqd\d+x\d/)
}

/** Every element closes the one that was opened last. */
function assertBalanced(html: string): void {
  const open: string[] = []
  const markup = html.replace(/<!--[^]*?-->/g, '').replace(/(<(style|script)\b[^>]*>)[^]*?(<\/\2>)/gi, '$1$3')
  for (const [tag, slash, name = ''] of markup.matchAll(/<(\/?)([a-z][a-z0-9:]*)\b[^>]*>/gi)) {
    if (slash === '/') assert.equal(name, open.pop(), `${tag} closes another element`)
    else if (!VOID_ELEMENTS.has(name.toLowerCase()) && !tag.endsWith('/>')) open.push(name)
  }
  assert.deepEqual(open, [])
}
