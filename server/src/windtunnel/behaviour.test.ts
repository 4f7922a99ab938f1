import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBehaviour } from './behaviour.ts'
import type { Habits } from './habits.schema.ts'
import { loadProfiles } from './load-profiles.ts'

const profiles = await loadProfiles()
const VISITOR = { ip: '127.0.0.1', mailFrom: 'b-1@news.example' }

interface Visitor {
  readonly ip: string
  readonly mailFrom: string
}

/** A provider whose time stands still until it is passed. */
function behaviourOf(name: string, habits: Partial<Habits> = {}, seed = 1) {
  const profile = profiles.find((candidate) => candidate.name === name)
  assert.ok(profile)
  let nowMs = 1000
  const behaviour = createBehaviour({ time: { nowMs: () => nowMs } }, profile, seed)
  behaviour.habits = { ...behaviour.habits, ...habits }
  return {
    behaviour,
    pass: (ms: number) => void (nowMs += ms),
    onConnect: (open: number) => behaviour.judge({ kind: 'connect', ip: VISITOR.ip, open }),
    onMail: () => behaviour.judge({ kind: 'mail', ...VISITOR, served: 0 }),
    onRecipient: (visitor: Visitor, recipient: string) =>
      behaviour.judge({ kind: 'recipient', ...visitor, recipient }),
    onContent: (visitor: Visitor, recipients: readonly string[]) =>
      behaviour.judgeContent({ ...visitor, recipients, isAuthentic: true }),
  }
}

test('the beginning of a local part brings about its habit at every provider', () => {
  for (const { name } of profiles) {
    const { onRecipient } = behaviourOf(name)
    const expected = {
      unknown7: 'unknown_user',
      'Unknown.person': 'unknown_user',
      inactive: 'inactive',
      reject1: 'rejected',
      blocked: 'blocked',
      tempfail: 'temporary_failure',
      greylist1: 'greylisted',
    }
    for (const [local, situation] of Object.entries(expected)) {
      assert.equal(onRecipient(VISITOR, `${local}@gmail.com`), situation, `${name} ${local}`)
    }
  }
})

test('a full mailbox is a transient refusal first and stays full afterwards', () => {
  const { onRecipient } = behaviourOf('yahoo')
  assert.equal(onRecipient(VISITOR, 'full1@yahoo.com'), 'mailbox_full')
  for (let again = 0; again < 3; again++)
    assert.equal(onRecipient(VISITOR, 'full1@yahoo.com'), 'mailbox_still_full')
  const other = { ...VISITOR, mailFrom: 'b-2@news.example' }
  assert.equal(onRecipient(other, 'full1@yahoo.com'), 'mailbox_full', 'another message begins anew')
})

test('tempfail3 fails three times and tempfail for ever', () => {
  const { onRecipient } = behaviourOf('plain')
  const replies = Array.from({ length: 5 }, () => onRecipient(VISITOR, 'tempfail3@plain.example'))
  assert.deepEqual(replies, [
    'temporary_failure',
    'temporary_failure',
    'temporary_failure',
    undefined,
    undefined,
  ])
  for (let again = 0; again < 20; again++) {
    assert.equal(onRecipient(VISITOR, 'tempfail@plain.example'), 'temporary_failure')
  }
})

test('a greylisted triplet is welcome after the delay, and only that triplet', () => {
  const { pass, onRecipient } = behaviourOf('smallisp', {
    greylist_delay_ms: 1000,
    unknown_user_share: 0,
    mailbox_full_share: 0,
  })
  const to = 'ann@smallisp.example'
  assert.equal(onRecipient(VISITOR, to), 'greylisted')
  pass(999)
  assert.equal(onRecipient(VISITOR, to), 'greylisted')
  pass(1)
  assert.equal(onRecipient(VISITOR, to), undefined)
  assert.equal(onRecipient({ ...VISITOR, ip: '127.0.0.9' }, to), 'greylisted', 'another address')
  assert.equal(
    onRecipient({ ...VISITOR, mailFrom: 'x@other.example' }, to),
    'greylisted',
    'another sender domain',
  )
  assert.equal(
    onRecipient({ ...VISITOR, mailFrom: 'b-2@news.example' }, to),
    undefined,
    'the same domain, another message',
  )
})

test('the rate lets a burst through, then so many a second', () => {
  const { behaviour, pass, onMail } = behaviourOf('google', { messages_per_second: 10, burst: 5 })
  const welcome = (times: number) =>
    Array.from({ length: times }, () => onMail()).filter((it) => it === undefined).length
  assert.equal(welcome(20), 5)
  pass(1000)
  assert.equal(welcome(20), 5, 'no more is saved up than the burst')
  pass(300)
  assert.equal(welcome(20), 3)
  behaviour.habits = { ...behaviour.habits, messages_per_second: 0 }
  assert.equal(welcome(20), 20)
})

test('too many connections are those beyond the limit of one address', () => {
  const { onConnect } = behaviourOf('google', { connections_per_address: 2 })
  assert.deepEqual(
    [0, 1, 2, 3].map((open) => onConnect(open)),
    [undefined, undefined, 'too_many_connections', 'too_many_connections'],
  )
})

test('a message is cut once and accepted when it comes again', () => {
  const { onContent } = behaviourOf('plain')
  assert.equal(onContent(VISITOR, ['cut1@plain.example']), 'cut')
  assert.equal(onContent(VISITOR, ['cut1@plain.example']), undefined)
  assert.equal(onContent(VISITOR, ['spam@plain.example']), 'spam')
})

test('shares are kept within a few per cent, and who it hits follows from the seed alone', () => {
  const who = (seed: number) => {
    const { onRecipient, onContent } = behaviourOf(
      'plain',
      { unknown_user_share: 0.1, mailbox_full_share: 0.05, cut_share: 0.02 },
      seed,
    )
    return Array.from({ length: 5000 }, (_, index) => {
      const recipient = `person${index}@plain.example`
      return onRecipient(VISITOR, recipient) ?? onContent(VISITOR, [recipient])
    })
  }
  const first = who(7)
  assert.deepEqual(who(7), first)
  assert.notDeepEqual(who(8), first)
  const times = (situation: string) => first.filter((it) => it === situation).length
  assert.ok(Math.abs(times('unknown_user') - 500) < 100)
  assert.ok(Math.abs(times('mailbox_full') - 250) < 70)
  assert.ok(Math.abs(times('cut') - 85) < 45)
})

test('only slow recipients wait, unless every step does', () => {
  const { behaviour } = behaviourOf('plain', { slow_delay_ms: 300 })
  assert.equal(behaviour.delayMs([]), 0)
  assert.equal(behaviour.delayMs(['ann@plain.example']), 0)
  assert.equal(behaviour.delayMs(['ann@plain.example', 'slow1@plain.example']), 300)
  behaviour.habits = { ...behaviour.habits, step_delay_ms: 20 }
  assert.equal(behaviour.delayMs([]), 20)
})
