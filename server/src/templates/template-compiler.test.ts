import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createTemplateCompiler } from './template-compiler.ts'
import { MAX_HTML_CHARACTERS, MAX_MJML_CHARACTERS } from './template.ts'

const compiler = createTemplateCompiler({ timeoutMs: 1_500 })
after(async () => await compiler.close())

const GOOD = { subject: '', html: '<style>p{color:red}</style><p>fine</p>', variables: [] }

async function assertWorks(): Promise<void> {
  const { html } = await compiler.compile(GOOD)
  assert.equal(html, '<p style="color: red;">fine</p>')
}

function filled(opening: string, unit: string, limit: number): string {
  return opening + unit.repeat(Math.floor((limit - opening.length) / unit.length))
}

const HOSTILE: Readonly<Record<string, { readonly html?: string; readonly mjml?: string }>> = {
  'deeply nested MJML': { mjml: filled('<mjml><mj-body>', '<mj-section>', MAX_MJML_CHARACTERS) },
  'MJML with countless columns': {
    mjml: filled(
      '<mjml><mj-body><mj-section>',
      '<mj-column><mj-text>x</mj-text></mj-column>',
      MAX_MJML_CHARACTERS,
    ),
  },
  'CSS with countless selectors': {
    html: `<style>${filled('', 'a *>b~c:not(d) e{color:red}', MAX_HTML_CHARACTERS / 2)}</style>${filled('', '<a><b>', MAX_HTML_CHARACTERS / 2)}`,
  },
  'CSS with a variable that doubles': {
    html: `<style>:root{--a0:x;${Array.from({ length: 60 }, (_, index) => `--a${index + 1}:var(--a${index})var(--a${index});`).join('')}} p{font-family:var(--a60)}</style><p>x</p>`,
  },
}

test('a compilation that takes too long is killed, named too complex, and the next one works', async () => {
  const source = { subject: '', variables: [], html: filled('', '<div>', MAX_HTML_CHARACTERS) }
  await assert.rejects(compiler.compile(source), { name: 'Problem', code: 'templates.too_complex' })
  await assertWorks()
})

for (const [name, source] of Object.entries(HOSTILE)) {
  test(`${name} ends, and the next compilation works`, async () => {
    const start = performance.now()
    try {
      await compiler.compile({ subject: '', variables: [], ...source })
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error, String(error))
      assert.match(String(error.code), /^templates\.(too_complex|too_large|mjml_invalid)$/)
    }
    assert.ok(performance.now() - start < 15_000, `${performance.now() - start} ms`)
    await assertWorks()
  })
}

test('compilations that wait come out in order, each its own', async () => {
  const sources = Array.from({ length: 20 }, (_, index) => ({ ...GOOD, html: `<p>${index}</p>` }))
  const compiled = await Promise.all(sources.map(async (source) => await compiler.compile(source)))
  assert.deepEqual(
    compiled.map(({ html }) => html),
    sources.map(({ html }) => html),
  )
})

test('more waiting compilations than the limit are refused', async () => {
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, async () => await compiler.compile(GOOD)),
  )
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
  assert.equal(refused.length, 10)
  for (const { reason } of refused) assert.equal(reason.code, 'templates.compiler_busy')
})

test('a closed compiler refuses, what ran as well as what comes', async () => {
  const closing = createTemplateCompiler()
  const running = closing.compile(GOOD)
  const refused = assert.rejects(running, { code: 'templates.compiler_closed' })
  await closing.close()
  await refused
  await assert.rejects(closing.compile(GOOD), { code: 'templates.compiler_closed' })
})
