import assert from 'node:assert/strict'
import test from 'node:test'
import type { TemplateData, TemplateValue } from './render-data.ts'
import { interpretPart, prepareTemplate, render } from './render-template.ts'
import type { PreparedTemplate } from './render-template.ts'

const TEMPLATES = 1_500
const SEED = 20261122

/** A small generator of repeatable randomness (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

type Random = (below: number) => number

function pick<T>(random: Random, values: readonly [T, ...T[]]): T {
  return values[random(values.length)] ?? values[0]
}

const PATHS = [
  'a', 'b', 'contact.city', 'contact.tags', 'contact.tags[0]', 'contact.tags[-1]', 'contact.tags.first', 'contact.tags.last.x', 'contact.tags.size',
  'contact["first name"]', 'size', 'contact', 'contact.size', 'a.length', 'a.size', 'a[0]', 'missing', 'missing.deeper', 'constructor', 'contact.__proto__', 'b.c.d',
  'contact.toString', 'first', 'ünï', 'a.first', 'n.x', '"text"', "'q'", '42', '-1.5', 'true', 'false', 'nil', 'empty', 'blank',
] as const // prettier-ignore

const FILTERS = [
  'upcase', 'downcase', 'capitalize', 'strip', 'url_encode', 'escape', 'raw', 'newline_to_br', 'escape_once', 'default: "friend"', 'default: contact.city',
  'default: 0, allow_false: true', 'date: "%d.%m.%Y"', 'date: b', 'strip: "x "', 'xml_escape', 'date',
] as const // prettier-ignore

const OPERATORS = ['==', '!=', '>', '<', '>=', '<=', 'contains', 'and', 'or'] as const

function output(random: Random): string {
  const filters = Array.from({ length: random(3) }, () => ` | ${pick(random, FILTERS)}`).join('')
  const dash = random(6) === 0 ? '-' : ''
  return `{{${dash} ${pick(random, PATHS)}${filters} ${dash}}}`
}

function condition(random: Random): string {
  const terms = Array.from({ length: 1 + random(3) }, () => pick(random, PATHS))
  const filter = random(4) === 0 ? ` | ${pick(random, FILTERS)}` : ''
  const not = random(5) === 0 ? 'not ' : ''
  return (
    not +
    terms.reduce<string>(
      (left, right) => `${left} ${pick(random, OPERATORS)} ${right}`,
      pick(random, PATHS),
    ) +
    filter
  )
}

function block(random: Random, depth: number): string {
  const kind = random(depth > 2 ? 3 : 6)
  if (kind < 2) return output(random)
  if (kind === 2)
    return pick(random, [' <b>text & more</b>\n', '', ' ', '{% comment %}{{ a }}{% endcomment %}', '\n\n'])
  const tag = kind === 5 ? 'unless' : 'if'
  const elsif = random(2) === 0 ? `{% elsif ${condition(random)} %}${sequence(random, depth + 1)}` : ''
  const otherwise = random(2) === 0 ? `{%- else -%}${sequence(random, depth + 1)}` : ''
  return `{% ${tag} ${condition(random)} %}${sequence(random, depth + 1)}${elsif}${otherwise}{% end${tag} %}`
}

function sequence(random: Random, depth: number): string {
  return Array.from({ length: 1 + random(4) }, () => block(random, depth)).join('')
}

const VALUES: readonly [TemplateValue | undefined, ...(TemplateValue | undefined)[]] = [
  undefined, null, '', 0, -3.5, 1e21, true, false, 'Ada & <Bob>', '  spaced\nlines ', 'x', '2026-11-22T10:00:00Z', '\ud800 half', 'İstanbul ß ǆ',
  'Ольга', 'محمد', '山田', '👩‍👩‍👧', [], ['x', 'y'], [['x'], { x: 1 }, null], { city: 'Łódź' }, { size: 'own' }, { first: 1, last: 2 }, { toString: 'x' }, 1_700_000_000,
] // prettier-ignore

function dataFor(random: Random): TemplateData {
  const contact: Record<string, TemplateValue | undefined> = {
    'first name': pick(random, VALUES),
    tags: pick(random, VALUES),
    city: pick(random, VALUES),
  }
  const data: Record<string, TemplateValue | undefined> = {
    contact: random(8) === 0 ? pick(random, VALUES) : contact,
  }
  for (const name of ['a', 'b', 'n', 'ünï', 'size', 'first'])
    if (random(4) > 0) data[name] = pick(random, VALUES)
  return data
}

function prepare(source: string): PreparedTemplate {
  return prepareTemplate({ subject: '', html: source, text: source, variables: [], lines: {} })
}

/** What a part renders to, or that it is refused: both ways must also refuse alike. */
function outcome(run: () => string): string {
  try {
    return run()
  } catch {
    return 'refused'
  }
}

test(`closures render ${TEMPLATES} random templates exactly as LiquidJS does (seed ${SEED})`, () => {
  const random = randomFrom(SEED)
  let fast = 0
  for (let round = 0; round < TEMPLATES; round += 1) {
    const source = sequence(random, 0)
    const prepared = prepare(source)
    for (let sample = 0; sample < 4; sample += 1) {
      const data = dataFor(random)
      for (const part of [prepared.html, prepared.text]) {
        const render = part.fast
        if (render === undefined) continue
        fast += 1
        const where = `${part.part} ${JSON.stringify(source)} with ${JSON.stringify(data)}`
        assert.equal(
          outcome(() => render(data)),
          outcome(() => interpretPart(part, data, 'send')),
          where,
        )
      }
    }
  }
  assert.ok(fast > TEMPLATES * 6, `only ${fast} renderings took the fast path`)
})

test('closures are used for outputs and conditions, LiquidJS for everything else', () => {
  for (const source of [
    'plain',
    '{{ a }}',
    '{{ a.b[0] | default: "x" | upcase }}',
    '{% if a == "x" and b %}1{% elsif c %}2{% else %}3{% endif %}',
    '{% unless a %}x{% endunless %}',
  ]) {
    assert.notEqual(prepare(source).html.fast, undefined, source)
  }
  for (const source of [
    '{% for i in a %}{% endfor %}',
    '{% assign a = 1 %}',
    '{{ a | truncate: 3 }}',
    '{{ a[b] }}',
    '{{ (1..3) }}',
    '{% if a %}{% capture b %}{% endcapture %}{% endif %}',
  ]) {
    assert.equal(prepare(source).html.fast, undefined, source)
  }
})

test('a newsletter of 30 KB with 30 values takes well under a tenth of a millisecond', () => {
  const block =
    '<p style="color:#333333">Dear {{ first_name | default: "friend" }} in {{ contact.city }}{% if plan == "pro" %}, {{ plan }}{% endif %}</p>\n'
  const prepared = prepare(`${block}${'<td>filler of the layout</td>'.repeat(100)}`.repeat(10))
  const data = { first_name: 'Ada', plan: 'pro', contact: { city: 'Oslo' } }
  for (let warm = 0; warm < 500; warm += 1) render(prepared, data, { mode: 'send' })
  const start = performance.now()
  for (let round = 0; round < 1_000; round += 1) render(prepared, data, { mode: 'send' })
  const microseconds = performance.now() - start
  assert.ok(
    microseconds < 100 * 5,
    `${microseconds} µs a message; the bound is five times what a busy machine needs`,
  )
})
