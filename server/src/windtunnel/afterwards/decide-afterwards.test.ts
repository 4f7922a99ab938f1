import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING_AFTERWARDS } from './afterwards.schema.ts'
import { decideAfterwards } from './decide-afterwards.ts'

const mails = Array.from({ length: 4000 }, (_, i) => ({
  messageId: `<${i}@news.example>`,
  recipient: `person${i}@plain.example`,
}))
const ALL = {
  ...NOTHING_AFTERWARDS,
  bounce_share: 0.02,
  complaint_share: 0.01,
  scan_share: 0.1,
  open_share: 0.4,
  click_share: 0.25,
  unsubscribe_share: 0.02,
}

test('a provider without shares sends nothing back, but for who is asked to complain by name', () => {
  for (const mail of mails) assert.deepEqual(decideAfterwards(NOTHING_AFTERWARDS, 1, mail), [])
  const complaining = { messageId: '<1@news.example>', recipient: 'complain7@plain.example' }
  assert.deepEqual(
    decideAfterwards(NOTHING_AFTERWARDS, 1, complaining).map(({ kind }) => kind),
    ['complaint'],
  )
})

test('the same seed decides the same, another one differently', () => {
  const decide = (seed: number) => mails.map((mail) => decideAfterwards(ALL, seed, mail))
  assert.deepEqual(decide(1), decide(1))
  assert.notDeepEqual(decide(1), decide(2))
})

test('shares and delays come about: half of the opens by the median, clicks only after an opening', () => {
  const plans = mails.map((mail) => decideAfterwards(ALL, 1, mail))
  const of = (kind: string) => plans.flatMap((plan) => plan.filter((action) => action.kind === kind))
  const share = (kind: string) => of(kind).length / mails.length
  for (const [kind, expected] of [
    ['bounce', 0.02],
    ['open', 0.4 * 0.98],
    ['click', 0.1 * 0.98],
    ['scan', 0.1 * 0.98],
  ] as const)
    assert.ok(Math.abs(share(kind) - expected) < 0.02, `${kind}: ${share(kind)}`)
  const early = of('open').filter(({ afterMs }) => afterMs <= ALL.open_delay_ms).length
  assert.ok(Math.abs(early / of('open').length - 0.5) < 0.05, `${early} of ${of('open').length}`)
  for (const plan of plans) {
    const kinds = plan.map(({ kind }) => kind)
    if (kinds.includes('click')) assert.ok(kinds.indexOf('click') > kinds.indexOf('open'))
    if (kinds.includes('bounce')) assert.equal(kinds.length, 1, 'a message that bounced has no reader')
  }
})
