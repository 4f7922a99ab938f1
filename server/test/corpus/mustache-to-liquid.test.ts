import assert from 'node:assert/strict'
import test from 'node:test'
import { mustacheToLiquid } from './mustache-to-liquid.ts'

test('values, lists, sections and literal placeholders become Liquid', () => {
  const source =
    '{{a}} {{{ b }}} {{#each rows}}{{c}}{{/each}}{{#files}}{{#each . }}{{d}}{{/each}}{{/files}}{{^e}}x{{/e}} \\{{ f }}'
  const { liquid, values, lists, literals } = mustacheToLiquid(source)
  assert.equal(
    liquid,
    '{{ a }} {{ b | raw }} {% for item_0 in rows %}{{ item_0.c }}{% endfor %}{% if files %}{% for item_1 in files %}{{ item_1.d }}{% endfor %}{% endif %}{% unless e %}x{% endunless %} {% raw %}{{ f }}{% endraw %}',
  )
  assert.deepEqual([...values], ['a', 'b'])
  assert.deepEqual(
    [...lists].map(([name, names]) => [name, ...names]),
    [
      ['rows', 'c'],
      ['files', 'd'],
    ],
  )
  assert.equal(literals, 1)
})

test('a section that closes another is refused', () => {
  assert.throws(() => mustacheToLiquid('{{#each a}}{{/b}}'), /b closes each/)
  assert.throws(() => mustacheToLiquid('{{#a}}'), /not closed/)
})
