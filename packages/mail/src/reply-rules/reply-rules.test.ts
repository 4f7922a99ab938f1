import assert from 'node:assert/strict'
import test from 'node:test'
import { BOUNCE_CLASSES, type SmtpPhase } from '@pigeon/mail/bounce-class.ts'
import { classifyReply, ruleFor, type ReplyToClassify } from '@pigeon/mail/classify-reply.ts'
import type { ReplyRule, ReplyRuleSet, ReplySample } from './reply-rule.ts'
import { REPLY_RULE_SETS, rulesFor } from './reply-rules.ts'

const all = REPLY_RULE_SETS.flatMap((set) => set.rules.map((rule) => ({ set, rule })))

function reading(sample: ReplySample, provider: string | undefined): ReplyToClassify {
  const [phase, reply]: readonly [SmtpPhase, string] = typeof sample === 'string' ? ['rcpt', sample] : sample
  const [, code, enhanced, text = ''] = /^(\d{3}) (?:(\d\.\d+\.\d+) )?(.*)$/.exec(reply) ?? []
  assert.ok(code, `a sample begins with a code: ${reply}`)
  return { code: Number(code), enhanced, text, phase, provider }
}

function nameOf(rule: ReplyRule | undefined): string {
  const found = all.find((each) => each.rule === rule)
  return found === undefined ? 'no rule' : `${found.set.name}/${found.rule.id}`
}

function samplesOf(set: ReplyRuleSet, rule: ReplyRule): ReplyToClassify[] {
  return rule.samples.map((sample) => reading(sample, set.provider ?? 'mx.y.example'))
}

test('there are at least 200 rules, each with a name, a source and a sample of its own', () => {
  assert.ok(all.length >= 200, `${all.length} rules`)
  const names = all.map(({ set, rule }) => `${set.name}/${rule.id}`)
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
  for (const { set, rule } of all) {
    assert.ok(rule.samples.length > 0, `${set.name}/${rule.id} has no sample`)
    assert.match(rule.source ?? set.source, /^https?:\/\/\S+$/)
    assert.ok(BOUNCE_CLASSES.includes(rule.class))
    assert.ok(rule.code ?? rule.enhanced ?? rule.text, `${set.name}/${rule.id} takes everything`)
  }
})

test('every sample lands in its rule, and every rule is reached', () => {
  const wrong = all.flatMap(({ set, rule }) =>
    samplesOf(set, rule)
      .map((reply) => ({ reply, found: ruleFor(reply) }))
      .filter(({ found }) => found !== rule)
      .map(({ reply, found }) => `${set.name}/${rule.id}: ${reply.code} ${reply.text} -> ${nameOf(found)}`),
  )
  assert.deepEqual(wrong, [])
})

test('rules for anybody are tried for every provider, those of a provider for it alone', () => {
  const anybody = all.filter(({ set }) => set.provider === undefined).map(({ rule }) => rule)
  assert.deepEqual(rulesFor('example.net'), anybody)
  assert.deepEqual(rulesFor(undefined).length, all.length)
  for (const rule of anybody) assert.ok(rulesFor('google').includes(rule))
  const s3150 = reading(['mail', '550 5.7.1 messages were not sent (S3150).'], 'microsoft365')
  assert.equal(classifyReply(s3150).action, 'suspend')
  assert.notEqual(classifyReply({ ...s3150, provider: 'example.net' }).action, 'suspend')
})

test('an action is of the lane or of the message, and a 4xx is never bounced', () => {
  for (const { set, rule } of all) {
    for (const reply of samplesOf(set, rule)) {
      const { action, permanent } = classifyReply(reply)
      if (reply.code < 500) assert.deepEqual([permanent, action === 'bounce'], [false, false], reply.text)
      if (rule.action === undefined) assert.equal(action, permanent ? 'bounce' : 'retry', reply.text)
      else assert.equal(action, rule.action, reply.text)
    }
  }
})

/**
 * Backtracking is polynomial at worst, and the text is short, when nothing that repeats repeats again, and only bounded
 * gaps (`.{0,60}`) stand between words.
 */
test('no expression can take long: no repetition of a repetition, no gap without a bound', () => {
  for (const { set, rule } of all) {
    for (const expression of [rule.code, rule.enhanced, rule.text]) {
      if (expression === undefined) continue
      const source = expression.source.replaceAll(/\\./g, 'x').replaceAll(/\[[^\]]*\]/g, 'x')
      const where = `${set.name}/${rule.id}: ${expression}`
      assert.doesNotMatch(source, /\)(?:[*+]|\{\d+,)/, where)
      assert.doesNotMatch(source, /\.[*+]/, where)
      assert.doesNotMatch(source, /\(\?[=!<]/, where)
      assert.equal(expression.flags, '', where)
      for (const [, most = '0'] of source.matchAll(/\{\d+,(\d*)\}/g))
        assert.ok(Number(most) > 0 && Number(most) <= 260, where)
    }
  }
})
