import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOUNCE_CLASSES } from '@pigeon/mail/bounce-class.ts'
import { ADVICE, adviceFor, adviceText, WHO } from './class-advice.ts'

test('every bounce class has a sentence of what happened, who can put it right, and what to do', () => {
  assert.deepEqual(Object.keys(ADVICE).toSorted(), [...BOUNCE_CLASSES].toSorted())
  for (const name of BOUNCE_CLASSES) {
    const { what, who, fix } = ADVICE[name]
    assert.match(what, /^[A-Z].{10,}\.$/, name)
    assert.match(fix, /^[A-Z].{9,}\.$/, name)
    assert.ok(WHO.includes(who), name)
  }
  assert.equal(new Set(BOUNCE_CLASSES.map((name) => ADVICE[name].what)).size, BOUNCE_CLASSES.length)
})

test('a block list that the reply names goes before the page of the provider', () => {
  const reply = '550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using Spamhaus'
  assert.equal(adviceFor('blocked', { reply, provider: 'microsoft' }).page, 'https://check.spamhaus.org/')
  const own = { reply: '550 5.7.1 S3150', provider: 'microsoft' }
  assert.equal(adviceFor('blocked', own).page, 'https://olcsupport.office.com/')
  assert.equal(adviceFor('blocked', { reply: '550 No', provider: 'example.com' }).page, null)
})

test('only what is about the source has a page for its removal', () => {
  const advice = adviceFor('mailbox_full', { reply: '552 Full (see spamhaus)', provider: 'google' })
  assert.equal(advice.page, null)
  assert.equal(adviceText(advice), `${advice.what} ${advice.fix}`)
})
