import assert from 'node:assert/strict'
import test from 'node:test'
import { isSafeHeaderValue, parseAddress, parseDomain } from './address.ts'

function codeOf(text: string): string {
  const parsed = parseAddress(text)
  return parsed.ok ? `ok ${parsed.address}` : parsed.code
}

test('an address keeps the spelling of its local part, and its key folds it', () => {
  assert.deepEqual(parseAddress('  Jo.Smith+News@Mail.Example.COM '), {
    ok: true,
    local: 'Jo.Smith+News',
    domain: 'mail.example.com',
    address: 'Jo.Smith+News@mail.example.com',
    key: 'jo.smith+news@mail.example.com',
  })
})

test('an internationalised domain becomes A-labels, however it is written', () => {
  for (const domain of [
    'bücher.example',
    'BÜCHER.example',
    'xn--bcher-kva.example',
    'bu\u0308cher。example',
  ]) {
    assert.equal(codeOf(`a@${domain}`), 'ok a@xn--bcher-kva.example')
  }
  assert.equal(codeOf('a@почта.рф'), 'ok a@xn--80a1acny.xn--p1ai')
  assert.equal(codeOf('a@例え.テスト'), 'ok a@xn--r8jz45g.xn--zckzah')
})

test('quotes that a local part does not need are not in its key', () => {
  const quoted = parseAddress('"Jo.Smith"@example.com')
  assert.ok(quoted.ok)
  assert.equal(quoted.address, '"Jo.Smith"@example.com')
  assert.equal(quoted.key, 'jo.smith@example.com')
  const needed = parseAddress('"a..b"@example.com')
  assert.ok(needed.ok)
  assert.equal(needed.key, '"a..b"@example.com')
})

test('every kind of bad address is refused with its code', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', 'empty'],
    [' \t ', 'empty'],
    ['a@example.com\r\nBcc: b@example.com', 'control_character'],
    ['a@example.com\n', 'control_character'],
    ['a\0@example.com', 'control_character'],
    ['a@exa\u0007mple.com', 'control_character'],
    ['plain', 'no_at'],
    ['@example.com', 'empty_local'],
    ['a b@example.com', 'space'],
    ['a@exam ple.com', 'space'],
    ['a..b@example.com', 'bad_local'],
    ['.a@example.com', 'bad_local'],
    ['a.@example.com', 'bad_local'],
    ['a@b@example.com', 'bad_local'],
    ['Jo <jo@example.com>', 'space'],
    ['<jo@example.com>', 'bad_local'],
    ['jo@example.com>', 'bad_domain'],
    ['"a>b"@example.com', 'bad_local'],
    ['"ab@example.com', 'bad_local'],
    ['"a b"@example.com', 'space'],
    ['jos\u00e9..a@example.com', 'bad_local'],
    ['jos\u00e9 a@example.com', 'space'],
    ['jos\u00e9\u00a0a@example.com', 'bad_local'],
    ['jos\u00e9\u202ea@example.com', 'bad_local'],
    ['jos\u00e9\u0085a@example.com', 'bad_local'],
    ['jo\ud800@example.com', 'bad_local'],
    [`${'\u00e9'.repeat(33)}@example.com`, 'local_too_long'],
    ['"jos\u00e9"@example.com', 'smtputf8_unsupported'],
    ['a@', 'empty_label'],
    ['a@example..com', 'empty_label'],
    ['a@.example.com', 'empty_label'],
    ['a@example.com.', 'empty_label'],
    ['a@-x.com', 'bad_domain'],
    ['a@x-.com', 'bad_domain'],
    ['a@ex_ample.com', 'bad_domain'],
    ['a@ex/ample.com', 'bad_domain'],
    ['a@bücher/x.example', 'bad_domain'],
    ['a@xn--\u00fc.example', 'bad_domain'],
    ['a@localhost', 'single_label'],
    ['a@[192.0.2.1]', 'ip_literal'],
    ['a@[IPv6:2001:db8::1]', 'ip_literal'],
    ['a@192.0.2.1', 'ip_literal'],
    ['a@example.0x7f', 'ip_literal'],
    ['a@\uff11\uff19\uff12.0.2.1', 'ip_literal'],
    [`${'a'.repeat(65)}@example.com`, 'local_too_long'],
    [`a@${'b'.repeat(64)}.com`, 'label_too_long'],
    [`a@${`${'b'.repeat(60)}.`.repeat(4)}example.com`, 'too_long'],
    [`${'a'.repeat(1_000)}@example.com`, 'too_long'],
  ]
  for (const [text, code] of cases) assert.equal(codeOf(text), code, JSON.stringify(text))
})

test('the longest address that is allowed is accepted', () => {
  const domain = `${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(57)}.com`
  assert.equal(codeOf(`${'a'.repeat(64)}@${domain}`), `ok ${'a'.repeat(64)}@${domain}`)
  assert.equal(`${'a'.repeat(64)}@${domain}`.length, 254)
})

test('letters outside ASCII before the @ are kept, and their key does not depend on how they were typed', () => {
  const composed = parseAddress('Jos\u00e9@b\u00fccher.example')
  const combined = parseAddress('Jose\u0301@xn--bcher-kva.example')
  assert.ok(composed.ok && combined.ok)
  assert.equal(composed.address, 'Jos\u00e9@xn--bcher-kva.example')
  assert.equal(combined.address, 'Jose\u0301@xn--bcher-kva.example')
  assert.deepEqual([composed.key, combined.key], Array(2).fill('jos\u00e9@xn--bcher-kva.example'))
  for (const text of ['δοκιμή@x.example', '用户@x.example', '🕊+a@x.example', 'می\u200cخواهم@x.example'])
    assert.equal(codeOf(text), `ok ${text}`)
})

test('a sender has an address in ASCII, and the refusal says so', () => {
  const parsed = parseAddress('δοκιμή@example.com', { isAsciiOnly: true })
  assert.ok(!parsed.ok)
  assert.equal(parsed.code, 'smtputf8_unsupported')
  assert.match(parsed.message, /here it must be ASCII/)
  assert.ok(parseAddress('a@bücher.example', { isAsciiOnly: true }).ok)
})

test('a domain without a dot is accepted only where the caller allows it', () => {
  assert.ok(parseAddress('root@localhost', { allowSingleLabel: true }).ok)
  assert.ok(parseDomain('localhost', { allowSingleLabel: true }).ok)
  assert.ok(!parseDomain('localhost').ok)
})

test('an accepted address reads back as itself and is safe in an envelope, whatever came in', () => {
  const alphabet = [
    'a',
    'B',
    '.',
    '@',
    '-',
    '"',
    '\\',
    ' ',
    '\r',
    '\n',
    '\0',
    '>',
    '<',
    'é',
    '🕊',
    'ß',
    '\ud800',
    '。',
    '1',
    '/',
    '%',
  ]
  let seed = 7
  const next = (limit: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((seed / 2_147_483_648) * limit)
  }
  let accepted = 0
  for (let round = 0; round < 60_000; round += 1) {
    const text = Array.from({ length: next(14) }, () => alphabet[next(alphabet.length)] ?? '').join('')
    const parsed = parseAddress(round % 2 === 0 ? text : `a@${text}.b`)
    if (!parsed.ok) continue
    accepted += 1
    assert.match(parsed.address, /^(?:[!-;=?-~]|[^\u0000-\u007f\p{Z}\p{C}])+$/u)
    const again = parseAddress(parsed.address)
    assert.deepEqual(again, parsed)
  }
  assert.ok(accepted > 500, `${accepted} accepted`)
})

test('CR, LF and NUL make a header value unsafe', () => {
  assert.ok(isSafeHeaderValue('Grüße \t 🕊'))
  for (const bad of ['a\rb', 'a\nb', 'a\0b']) assert.ok(!isSafeHeaderValue(bad))
})
