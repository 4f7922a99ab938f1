import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bindParameters, quoted } from './bind-parameters.ts'

function bind(statement: string, values: Record<string, string>): string {
  return bindParameters(statement, new Map(Object.entries(values)))
}

test('a value becomes a literal of its type', () => {
  assert.equal(bind('select {n:UInt32}', { n: '7' }), "select _CAST('7', 'UInt32')")
  assert.equal(
    bind('limit { n : UInt32 }+{n:UInt8}', { n: '7' }),
    "limit _CAST('7', 'UInt32')+_CAST('7', 'UInt8')",
  )
})

test('a value cannot leave its literal', () => {
  assert.equal(bind('{s:String}', { s: "' or 1=1 --" }), `_CAST('\\' or 1=1 --', 'String')`)
  assert.equal(bind('{s:String}', { s: "\\\\' or 1=1 --" }), `_CAST('\\\\\\' or 1=1 --', 'String')`)
  assert.equal(bind('{s:String}', { s: '{t:String}', t: 'x' }), `_CAST('{t:String}', 'String')`)
})

test('tab-separated escaping is undone, but not in arrays', () => {
  assert.equal(bind('{s:String}', { s: 'a\\tb\\nc\\\\d' }), `_CAST('a\tb\nc\\\\d', 'String')`)
  assert.equal(bind('{s:Array(String)}', { s: "['a\\'b']" }), `_CAST('[\\'a\\\\\\'b\\']', 'Array(String)')`)
})

test('\\N is null', () => {
  assert.equal(bind('{s:Nullable(String)}', { s: '\\N' }), "_CAST(NULL, 'Nullable(String)')")
})

test('types with brackets and quotes are read whole', () => {
  assert.equal(
    bind("{e:Enum8('a' = 1, 'b' = 2)}", { e: 'a' }),
    `_CAST('a', 'Enum8(\\'a\\' = 1, \\'b\\' = 2)')`,
  )
})

test('placeholders in strings, quoted names and comments are left alone', () => {
  for (const statement of [
    "'{a:String}'",
    "'it''s {a:String}'",
    "'\\'{a:String}'",
    '"{a:String}"',
    '`{a:String}`',
    '-- {a:String}',
    '/* {a:String}\n */',
  ]) {
    assert.equal(bind(statement, {}), statement)
  }
  assert.equal(bind("map('a', 1) {'b':2}", {}), "map('a', 1) {'b':2}")
})

test('a missing value and an identifier that is none are refused', () => {
  assert.throws(() => bind('{a:String}', {}), { name: 'BadParameter' })
  assert.equal(bind('{a:Identifier}', { a: 'email_events' }), '`email_events`')
  assert.throws(() => bind('{a:Identifier}', { a: 'a`; drop table x' }), { name: 'BadParameter' })
})

test('a quote, a backslash and NUL are escaped', () => {
  assert.equal(quoted("a'b\\c\0"), "'a\\'b\\\\c\\0'")
})
