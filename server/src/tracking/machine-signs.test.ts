import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMachine, machineSigns } from './machine-signs.ts'
import type { Hit, HitContext, MachineSign } from './machine-signs.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const GMAIL = 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)'
const PERSON: Hit = {
  type: 'clicked',
  method: 'GET',
  ip: '198.51.100.7',
  userAgent: FIREFOX,
  headers: { 'accept-language': 'de' },
  ageMs: 60_000,
  isTrap: false,
}
const NOTHING: HitContext = { hasFollowedTrap: false, otherLinks: 0 }

/** A person's click but for this. */
function signs(change: Partial<Hit>, context: Partial<HitContext> = {}): MachineSign[] {
  return machineSigns({ ...PERSON, ...change }, { ...NOTHING, ...context })
}

function isOne(expected: MachineSign, found: readonly MachineSign[], machine = true): void {
  assert.deepEqual(found, [expected])
  assert.equal(isMachine(found), machine)
}

test('a person who clicks and one who opens show no sign', () => {
  assert.deepEqual(signs({}), [])
  assert.deepEqual(signs({ type: 'opened', headers: {}, ageMs: 10 }), [])
})

test('who follows the link that no person sees is a machine, and what it follows next', () => {
  isOne('trap', signs({ isTrap: true }))
  isOne('trap_before', signs({}, { hasFollowedTrap: true }))
})

test('two links of a message at once are no hand', () => {
  isOne('burst', signs({}, { otherLinks: 1 }))
})

test('HEAD is a machine', () => {
  isOne('head', signs({ method: 'HEAD' }))
})

test('what a browser fetches ahead nobody has clicked', () => {
  for (const [name, value] of [
    ['sec-purpose', 'prefetch;prerender'],
    ['purpose', 'prefetch'],
    ['x-purpose', 'preview'],
    ['x-moz', 'prefetch'],
  ] as const)
    isOne('prefetch', signs({ headers: { 'accept-language': 'de', [name]: value } }))
})

test('programs that say what they are are believed', () => {
  for (const userAgent of [
    'Barracuda Sentinel (EE)',
    'Mozilla/5.0 (compatible; bingbot/2.0) BingPreview/1.0b',
    'python-requests/2.32',
    'Slackbot-LinkExpanding 1.0',
    'Mozilla/5.0 (compatible; SomeBot/1.0)',
  ])
    isOne('agent', signs({ userAgent }))
  isOne('no_agent', signs({ userAgent: '' }))
})

test('pictures that Apple loads for privacy are not read by anybody yet', () => {
  isOne('apple_privacy', signs({ type: 'opened', userAgent: 'Mozilla/5.0' }))
  isOne('apple_privacy', signs({ type: 'opened', ip: '17.58.1.2' }))
  assert.deepEqual(signs({ ip: '17.58.1.2' }), [], 'a click from there is a click')
})

test('pictures that Gmail and Yahoo fetch are for a person who looks', () => {
  isOne('image_proxy', signs({ type: 'opened', userAgent: GMAIL }), false)
  isOne('image_proxy', signs({ type: 'opened', userAgent: 'YahooMailProxy; https://help.yahoo.com/' }), false)
})

test('a click at once, without a language, or from a gateway is doubtful; two of them are a machine', () => {
  isOne('too_soon', signs({ ageMs: 4_999 }), false)
  isOne('no_language', signs({ headers: {} }), false)
  isOne('network', signs({ ip: '209.222.82.9' }), false)
  assert.ok(isMachine(signs({ headers: {}, ageMs: 0 })))
  assert.ok(isMachine(signs({ ip: '40.107.1.1', ageMs: 0 })))
  assert.deepEqual(signs({ ip: 'no address' }), [])
})
