import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOUNCE_CLASSES, type BounceClass } from '@pigeon/mail/bounce-class.ts'
import { BOUNCE_LIMITS, judgeBounce, NO_STRIKES, weightOf, type BounceWeight } from './bounce-policy.ts'

const DAY_MS = 86_400_000
const START = new Date('2026-03-01T08:00:00Z')
const after = (days: number): Date => new Date(START.getTime() + days * DAY_MS)

/** When (as the number of the bounce) they suppress, and for what. */
function outcomeOf(...bounces: readonly (readonly [BounceWeight, number])[]): string {
  let strikes = NO_STRIKES
  for (const [index, [weight, days]] of bounces.entries()) {
    const judgement = judgeBounce(strikes, weight, after(days))
    if (judgement.suppress !== null) return `${judgement.suppress} at ${index + 1}`
    ;({ strikes } = judgement)
    assert.ok(strikes.softAt.length < BOUNCE_LIMITS.softBounces, 'what is remembered is bounded')
  }
  return 'nobody'
}

test('a mailbox that does not exist is suppressed at once and for ever', () => {
  assert.equal(weightOf({ class: 'unknown_user', isHard: true }), 'certain')
  assert.deepEqual(judgeBounce(NO_STRIKES, 'certain', START), { suppress: 'hard_bounce', expiresAt: null })
})

test('reputation, policy, authentication, content and what no rule knows never suppress anybody', () => {
  const never: BounceClass[] = ['reputation', 'policy', 'auth_failure', 'content', 'spam', 'blocked', 'other']
  for (const each of never)
    for (const isHard of [true, false]) assert.equal(weightOf({ class: each, isHard }), 'none', each)
})

test('only classes about the mailbox or its domain count', () => {
  const counting = BOUNCE_CLASSES.filter((each) => weightOf({ class: each, isHard: true }) !== 'none')
  assert.deepEqual(counting.toSorted(), ['host_unknown', 'inactive', 'mailbox_full', 'moved', 'unknown_user'])
})

test('"user unknown" that was meant for the moment is one of five', () => {
  assert.equal(weightOf({ class: 'unknown_user', isHard: false }), 'soft')
})

test('two refusals in doubt suppress when they are a day apart, in whatever order they are heard of', () => {
  assert.equal(outcomeOf(['ambiguous', 0]), 'nobody')
  assert.equal(outcomeOf(['ambiguous', 0], ['ambiguous', 0.9]), 'nobody')
  assert.equal(outcomeOf(['ambiguous', 0], ['ambiguous', 0.9], ['ambiguous', 1]), 'hard_bounce at 3')
  assert.equal(outcomeOf(['ambiguous', 1], ['ambiguous', 0]), 'hard_bounce at 2')
  assert.equal(outcomeOf(['ambiguous', 0], ['ambiguous', 91]), 'nobody')
  assert.equal(outcomeOf(['ambiguous', 0], ['ambiguous', 91], ['ambiguous', 92]), 'hard_bounce at 3')
})

test('five bounces within thirty days that could have been over suppress for a while', () => {
  assert.equal(
    outcomeOf(['soft', 0], ['soft', 7], ['soft', 14], ['soft', 21], ['soft', 28]),
    'soft_bounce at 5',
  )
  assert.equal(
    outcomeOf(['soft', 0], ['soft', 8], ['soft', 16], ['soft', 24], ['soft', 31], ['soft', 40]),
    'nobody',
  )
  const last = judgeBounce({ ambiguousAt: null, softAt: [0, 1, 2, 3].map(after) }, 'soft', after(4))
  assert.deepEqual(last, { suppress: 'soft_bounce', expiresAt: after(4 + 90) })
})
