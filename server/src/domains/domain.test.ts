import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkRecord, domainAndParents, parseDomainName } from './domain.ts'
import type { DnsRecord } from './domain.ts'

const KEY = 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA'
const EXPECTED: DnsRecord = {
  type: 'TXT',
  name: 's._domainkey.example.com',
  value: `v=DKIM1; k=rsa; p=${KEY}`,
}

const check = (...texts: string[]) => checkRecord(EXPECTED, { kind: 'found', texts })

test('a record is right whatever its spaces, the order of its tags, and tags that we do not ask for', () => {
  for (const text of [
    EXPECTED.value,
    `v=DKIM1;k=rsa;p=${KEY}`,
    `p=${KEY.slice(0, 9)} ${KEY.slice(9)}; k=rsa;`,
    `v=DKIM1; t=s; p=${KEY}`,
  ]) {
    assert.equal(check(text).status, 'ok', text)
  }
})

test('no record is told as missing', () => {
  assert.equal(check().status, 'missing')
})

test('each wrong record is told with what is wrong about it', () => {
  assert.match(check(`v=DKIM1; k=rsa; p=${KEY.slice(0, 20)}`).message, /cut off/)
  assert.match(check('v=DKIM1; k=rsa; p=OTHER').message, /another key/)
  assert.match(check('v=DKIM1; k=rsa; p=').message, /another key/)
  assert.match(check(`v=DKIM1; k=ed25519; p=${KEY}`).message, /other tags/)
  assert.match(check(`v=DKIM2; p=${KEY}`).message, /other tags/)
  assert.match(check('v=spf1 -all').message, /not a DKIM record/)
  assert.match(check(EXPECTED.value, 'v=DKIM1; p=OLD').message, /2 TXT records/)
})

test('what was found is shown', () => {
  assert.deepEqual(check('v=spf1 -all').found, ['v=spf1 -all'])
})

test('a failed look-up says nothing about the record', () => {
  assert.equal(checkRecord(EXPECTED, { kind: 'failed', reason: 'ESERVFAIL' }).status, 'failed')
})

test('a domain covers those below it, never its top level', () => {
  assert.deepEqual(domainAndParents('a.b.example.com'), ['a.b.example.com', 'b.example.com', 'example.com'])
  assert.deepEqual(domainAndParents('com'), [])
})

test('names are A-labels in lower case, and what is no domain is refused', () => {
  assert.equal(parseDomainName(' News.Example.COM. '), 'news.example.com')
  assert.equal(parseDomainName('bücher.example'), 'xn--bcher-kva.example')
  for (const bad of [
    '',
    'localhost',
    'a b.com',
    'example..com',
    '-',
    '192.0.2.1',
    'x@example.com',
    'a\r\n.com',
    `${'a'.repeat(64)}.com`,
  ]) {
    assert.throws(() => parseDomainName(bad), { code: 'domains.bad_name' }, bad)
  }
})
