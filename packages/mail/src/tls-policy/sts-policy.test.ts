import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  matchesStsMx,
  MAX_STS_AGE_SECONDS,
  parseStsPolicy,
  parseStsRecord,
  stsPolicyLines,
  type StsPolicy,
} from './sts-policy.ts'

function read(text: string): StsPolicy {
  const result = parseStsPolicy(text)
  assert.equal(result.kind, 'policy', result.kind === 'invalid' ? result.reason : '')
  if (result.kind !== 'policy') throw new Error('not a policy')
  return result.policy
}

function reasonOf(text: string): string {
  const result = parseStsPolicy(text)
  return result.kind === 'invalid' ? result.reason : 'valid'
}

test('the record of RFC 8461 3.1 gives its id', () => {
  assert.equal(parseStsRecord(['v=STSv1; id=20160831085700Z;']), '20160831085700Z')
  assert.equal(parseStsRecord(['v=spf1 -all', 'v=STSv1;id=1']), '1')
  assert.equal(parseStsRecord(['v=STSv1; id=a; new.field=what; id=b']), 'a')
})

test('two records, a wrong version, a bad id or a broken field mean that there is no policy', () => {
  for (const records of [
    [],
    ['v=STSv1; id=1', 'v=STSv1; id=2'],
    ['v=STSv2; id=1'],
    ['V=STSv1; id=1'],
    ['v=STSv1'],
    ['v=STSv1;'],
    ['v=STSv1; id='],
    ['v=STSv1; id=with-hyphen'],
    [`v=STSv1; id=${'1'.repeat(33)}`],
    ['v=STSv1; id=1; broken'],
    ['v=STSv1; id=1;;'],
    [`v=STSv1; id=1; x=${'y'.repeat(5_000)}`],
  ]) {
    assert.equal(parseStsRecord(records), undefined, JSON.stringify(records).slice(0, 60))
  }
})

test('the policy of RFC 8461 3.2 is read, with CRLF and with LF', () => {
  const lines = [
    'version: STSv1',
    'mode: enforce',
    'mx: mail.example.com',
    'mx: *.example.net',
    'mx: backupmx.example.com',
    'max_age: 604800',
  ]
  for (const end of ['\r\n', '\n']) {
    const policy = read(lines.join(end) + end)
    assert.deepEqual(policy, {
      mode: 'enforce',
      mx: ['mail.example.com', '*.example.net', 'backupmx.example.com'],
      maxAgeSeconds: 604_800,
    })
    assert.deepEqual(stsPolicyLines(policy), lines)
  }
})

test('order and unknown fields do not matter, and the first of two counts', () => {
  const policy = read(
    'max_age:1\nmx:A.Example.\nx-new: 1\nnonsense\n\nmode:testing\nmode: none\nversion:STSv1  ',
  )
  assert.deepEqual(policy, { mode: 'testing', mx: ['a.example'], maxAgeSeconds: 1 })
})

test('max_age is at most a year, and mode none needs no mx', () => {
  assert.equal(read('version: STSv1\nmode: none\nmax_age: 9999999999').maxAgeSeconds, MAX_STS_AGE_SECONDS)
})

test('whatever breaks a rule makes the policy invalid, and says why', () => {
  const base = 'version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 1\n'
  assert.match(reasonOf(''), /version/)
  assert.match(reasonOf(base.replace('STSv1', 'STSv2')), /version/)
  assert.match(reasonOf(base.replace('enforce', 'Enforce')), /mode/)
  assert.match(reasonOf(base.replace('max_age: 1', 'max_age: -1')), /max_age/)
  assert.match(reasonOf(base.replace('max_age: 1', 'max_age: 1e9')), /max_age/)
  assert.match(reasonOf(base.replace('mx: a.example\n', '')), /names no mx/)
  for (const bad of [
    '*',
    '*.',
    'a.*.example',
    '**.example',
    'a b',
    '.example',
    'a..b',
    '-a.example',
    '*a.example',
  ])
    assert.match(reasonOf(base.replace('a.example', bad)), /no mx pattern/, bad)
  assert.match(reasonOf(base + 'mx: b.example\n'.repeat(300)), /more than 256/)
  assert.match(reasonOf('x'.repeat(70_000)), /longer/)
  assert.equal(reasonOf('<html>not found</html>'), 'its version is not STSv1')
})

test('a host matches its own name, or a wildcard for exactly one label, in any case', () => {
  const policy = read('version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 1')
  for (const host of ['mail.example.com', 'MAIL.Example.COM.', 'mx1.example.net'])
    assert.ok(matchesStsMx(policy, host), host)
  for (const host of [
    'example.net',
    'a.b.example.net',
    'xmail.example.com',
    'mail.example.com.evil.test',
    '',
    '.example.net',
  ])
    assert.ok(!matchesStsMx(policy, host), host)
})
