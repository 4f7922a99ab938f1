import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgePtr } from './ptr.ts'
import type { Lookup } from './ptr.ts'

const ASKED = { address: '198.51.100.7', ehloName: 'out.example.com' }
const found = (...values: string[]): Lookup => ({ kind: 'found', values })
const FAILED: Lookup = { kind: 'failed', reason: 'ESERVFAIL' }

test('an address and a name that lead to each other are right, however they are written', () => {
  const right = { name: 'out.example.com', problem: null }
  assert.deepEqual(judgePtr(ASKED, found('out.example.com'), found('198.51.100.7')), right)
  assert.deepEqual(
    judgePtr(ASKED, found('other.example', 'Out.Example.com.'), found('192.0.2.1', '198.51.100.7')),
    right,
  )
  const six = { address: '2001:db8::7', ehloName: 'out.example.com' }
  assert.deepEqual(judgePtr(six, found('out.example.com'), found('2001:DB8:0:0::7')), right)
})

test('each fault is told with what to do about it', () => {
  const problemOf = (names: Lookup, addresses: Lookup) => judgePtr(ASKED, names, addresses).problem ?? ''
  assert.match(
    problemOf(found(), found('198.51.100.7')),
    /no PTR record\. Ask .* to set it to out\.example\.com\./,
  )
  assert.match(
    problemOf(found('host7.isp.example'), found('198.51.100.7')),
    /is host7\.isp\.example.*or set ehlo_name to host7\.isp\.example\./,
  )
  assert.match(
    problemOf(found('out.example.com'), found()),
    /leads nowhere\. Publish an A record: out\.example\.com to 198\.51\.100\.7\./,
  )
  assert.match(
    problemOf(found('out.example.com'), found('192.0.2.1')),
    /leads to 192\.0\.2\.1\. Publish an A record/,
  )
  assert.match(problemOf(found('out.example.com'), found('::ffff:198.51.100.7')), /Publish an A record/)
})

test('a look-up that failed says nothing about the records', () => {
  assert.match(
    judgePtr(ASKED, FAILED, found()).problem ?? '',
    /could not be looked up \(ESERVFAIL\)\. Check again/,
  )
  assert.match(
    judgePtr(ASKED, found('out.example.com'), FAILED).problem ?? '',
    /address of out\.example\.com could not/,
  )
})

test('of many names a few are shown', () => {
  const many = found(...Array.from({ length: 10 }, (_, n) => `h${n}.example`))
  const { problem } = judgePtr(ASKED, many, found())
  assert.match(problem ?? '', /h2\.example/)
  assert.doesNotMatch(problem ?? '', /h3\.example/)
})
