import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseSource, type RoutingQuestion, type SourceState } from './choose-source.ts'
import type { Candidate, RoutedMessage, RoutingRule, RuleConditions } from './routing-rule.ts'

const message: RoutedMessage = {
  tenantId: 'tenant-1',
  campaignId: 'campaign-1',
  class: 'bulk',
  provider: 'google',
  fromDomain: 'news.example.com',
}

function state(more: Partial<SourceState> = {}): SourceState {
  return {
    health: 'healthy',
    reason: null,
    costPerThousand: 100_000,
    dailyCap: null,
    monthlyCap: null,
    spentToday: 0,
    spentThisMonth: 0,
    ...more,
  }
}

function rule(
  when: RuleConditions,
  candidates: Candidate[],
  otherwise: RoutingRule['otherwise'] = 'wait',
): RoutingRule {
  return { when, candidates, otherwise }
}

function candidate(source: string, order = 1, weight = 1): Candidate {
  return { source, order, weight }
}

function ask(rules: RoutingRule[], more: Partial<RoutingQuestion> = {}) {
  return chooseSource({
    pool: { name: 'eu', rules },
    message,
    sources: new Map([
      ['a', state()],
      ['b', state()],
      ['c', state()],
    ]),
    tried: new Set(),
    random: () => 0,
    ...more,
  })
}

function sourceOf(choice: ReturnType<typeof ask>): string {
  return choice.kind === 'source' ? choice.source : 'wait'
}

test('the first rule that fits decides', () => {
  const rules = [
    rule({ provider: ['yahoo'] }, [candidate('a')]),
    rule({}, [candidate('b')]),
    rule({}, [candidate('c')]),
  ]
  assert.deepEqual(ask(rules), {
    kind: 'source',
    source: 'b',
    reasons: ['pool eu: rule 2 fits (every message)', 'b chosen: order 1'],
  })
})

for (const [what, when, isFit] of [
  ['its tenant', { tenant: ['tenant-0', 'tenant-1'] }, true],
  ['another tenant', { tenant: ['tenant-2'] }, false],
  ['its campaign', { campaign: ['campaign-1'] }, true],
  ['another campaign', { campaign: ['campaign-2'] }, false],
  ['its class', { class: ['bulk'] }, true],
  ['the other class', { class: ['transactional'] }, false],
  ['its provider', { provider: ['google', 'yahoo'] }, true],
  ['its sending domain', { fromDomain: ['News.Example.com'] }, true],
  ['every domain below one', { fromDomain: ['*.example.com'] }, true],
  ['a domain whose end only looks the same', { fromDomain: ['*.s.example.com'] }, false],
  ['the domain above its own', { fromDomain: ['example.com'] }, false],
  ['all conditions', { provider: ['google'], class: ['bulk'] }, true],
  ['all conditions but one', { provider: ['google'], class: ['transactional'] }, false],
] as const) {
  test(`a rule for ${what} ${isFit ? 'fits' : 'does not fit'} the message`, () => {
    assert.equal(sourceOf(ask([rule(when, [candidate('a')])])), isFit ? 'a' : 'wait')
  })
}

test('a message of no campaign fits no rule for campaigns', () => {
  const rules = [rule({ campaign: ['campaign-1'] }, [candidate('a')])]
  const choice = ask(rules, { message: { ...message, campaignId: null } })
  assert.deepEqual(choice, { kind: 'wait', reasons: ['pool eu: no rule fits: the message waits'] })
})

test('a lower order is used before a higher one, whatever the weights', () => {
  assert.equal(sourceOf(ask([rule({}, [candidate('b', 2, 1000), candidate('a', 1, 1)])])), 'a')
})

test('weights are shares among equal orders, decided by the injected random', () => {
  const rules = [rule({}, [candidate('a', 1, 7), candidate('b', 1, 2), candidate('c', 1, 1)])]
  const counts = new Map<string, number>()
  for (let n = 0; n < 1000; n += 1) {
    const source = sourceOf(ask(rules, { random: () => n / 1000 }))
    counts.set(source, (counts.get(source) ?? 0) + 1)
  }
  assert.deepEqual(Object.fromEntries(counts), { a: 700, b: 200, c: 100 })
})

test('a weight of nothing gets nothing as long as another can be used', () => {
  const rules = [rule({}, [candidate('a', 1, 0), candidate('b', 1, 1)])]
  assert.equal(sourceOf(ask(rules, { random: () => 0 })), 'b')
  const alone = new Map([['a', state()]])
  assert.equal(sourceOf(ask(rules, { sources: alone })), 'a')
  const both = [rule({}, [candidate('a', 1, 0), candidate('b', 1, 0)])]
  assert.equal(sourceOf(ask(both, { random: () => 0.9 })), 'a')
})

test('a source that is down is skipped for the next one, with its reason', () => {
  const sources = new Map([
    ['a', state({ health: 'down', reason: 'HTTP 401' })],
    ['b', state()],
  ])
  const choice = ask([rule({}, [candidate('a', 1), candidate('b', 2)])], { sources })
  assert.equal(sourceOf(choice), 'b')
  assert.ok(choice.reasons.includes('a skipped: down (HTTP 401)'))
})

test('a degraded source is used only when no candidate is healthy', () => {
  const rules = [rule({}, [candidate('a', 1), candidate('b', 2)])]
  const degraded = state({ health: 'degraded', reason: 'two requests failed' })
  const one = ask(rules, {
    sources: new Map([
      ['a', degraded],
      ['b', state()],
    ]),
  })
  assert.equal(sourceOf(one), 'b')
  assert.ok(one.reasons.includes('a not preferred: two requests failed'))
  const both = ask(rules, {
    sources: new Map([
      ['a', degraded],
      ['b', degraded],
    ]),
  })
  assert.equal(sourceOf(both), 'a')
  assert.ok(both.reasons.includes('a chosen: order 1, though degraded: two requests failed'))
})

test('a source whose day is spent is skipped, to the very message that would go past its cap', () => {
  const rules = [rule({ provider: ['google'] }, [candidate('ses-eu', 1), candidate('b', 2)])]
  // 0.10 a thousand is 100 millionths a message.
  const spent = (spentToday: number) =>
    ask(rules, {
      sources: new Map([
        ['ses-eu', state({ dailyCap: 5_000_000, spentToday })],
        ['b', state()],
      ]),
    })
  assert.equal(sourceOf(spent(4_999_900)), 'ses-eu')
  assert.equal(sourceOf(spent(4_999_901)), 'b')
  assert.deepEqual(spent(5_000_000).reasons, [
    'pool eu: rule 1 fits (provider=google)',
    'ses-eu skipped: daily cost cap 5.00 reached',
    'b chosen: order 2',
  ])
})

test('the cap of a month holds besides that of a day', () => {
  const sources = new Map([
    ['a', state({ dailyCap: 5_000_000, monthlyCap: 90_000_000, spentThisMonth: 90_000_000 })],
  ])
  const choice = ask([rule({}, [candidate('a')])], { sources })
  assert.equal(sourceOf(choice), 'wait')
  assert.ok(choice.reasons.includes('a skipped: monthly cost cap 90.00 reached'))
})

test('a source that costs nothing is never too dear', () => {
  const sources = new Map([['a', state({ costPerThousand: 0, dailyCap: 0 })]])
  assert.equal(sourceOf(ask([rule({}, [candidate('a')])], { sources })), 'a')
})

test('a source that was tried for this attempt is not chosen again', () => {
  const rules = [rule({}, [candidate('a', 1), candidate('b', 2)])]
  assert.equal(sourceOf(ask(rules, { tried: new Set(['a']) })), 'b')
  assert.equal(sourceOf(ask(rules, { tried: new Set(['a', 'b']) })), 'wait')
})

test('a rule none of whose sources can be used waits, or leaves it to the rules after it, as it says', () => {
  const sources = new Map([
    ['a', state({ health: 'down' })],
    ['b', state()],
  ])
  const waits = ask([rule({}, [candidate('a')]), rule({}, [candidate('b')])], { sources })
  assert.deepEqual(waits, {
    kind: 'wait',
    reasons: [
      'pool eu: rule 1 fits (every message)',
      'a skipped: down',
      'none of its sources can be used: the message waits',
    ],
  })
  const goesOn = ask([rule({}, [candidate('a')], 'next_rule'), rule({}, [candidate('b')])], { sources })
  assert.equal(sourceOf(goesOn), 'b')
})

test('a source that a rule names and nobody knows is skipped', () => {
  const choice = ask([rule({}, [candidate('gone', 1), candidate('a', 2)])])
  assert.equal(sourceOf(choice), 'a')
  assert.ok(choice.reasons.includes('gone skipped: no such source'))
})
