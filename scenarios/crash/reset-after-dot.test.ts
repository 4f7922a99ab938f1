import assert from 'node:assert/strict'
import { test } from 'node:test'
import { act, ask, campaignEnd, createCampaign } from '@pigeon/scenarios/account.ts'
import { proveAccounted, proveReconciled, received } from '@pigeon/scenarios/proof.ts'
import { take } from '@pigeon/sdk'
import { openStage, type Stage } from './stage.ts'

const CONTACTS = 800
/** Of the messages that a receiver takes, it resets the connection of each tenth instead of answering; so often at most. */
const EVERY = 10
const RESETS_A_SITE = 15

test('a receiver that takes mail and resets the connection gets each such message again, no other, and the timeline says why', async (t) => {
  const stage = await openStage(t, { contacts: CONTACTS, points: 1 })
  const { account, sites } = stage
  const reset = new Map<string, string>()
  for (const { gate } of sites) resetSome(gate, reset)
  const id = await createCampaign(account, { listId: stage.listId })
  await act(account, id, 'send')
  await campaignEnd(account, id)

  const { metrics, duplicates } = await proveAccounted(account, id, CONTACTS)
  assert.equal(metrics.states.delivered, CONTACTS)
  const twice = [...(await received(account, id))]
    .filter(([, copies]) => copies > 1)
    .map(([address]) => address)
  assert.deepEqual(new Set(twice), new Set(reset.values()))
  assert.equal(duplicates, sites.length * RESETS_A_SITE, 'one copy more for each dot that had no answer')
  await proveTimeline(stage, [...reset.keys()][0] ?? '')
  await proveReconciled(account)
})

function resetSome(gate: Stage['sites'][number]['gate'], reset: Map<string, string>): void {
  let [taken, resets] = [0, 0]
  gate.watch({
    moment: 'taken',
    judge: ({ dotted }) => {
      taken += 1
      if (dotted === undefined || reset.has(dotted.messageId)) return 'pass'
      if (taken % EVERY > 0 || resets >= RESETS_A_SITE) return 'pass'
      resets += 1
      reset.set(dotted.messageId, dotted.recipient)
      return 'reset'
    },
  })
}

/** The history is written behind the states. */
async function proveTimeline({ account: { pigeon } }: Stage, id: string): Promise<void> {
  const message = await ask('the timeline to be complete', async () => {
    const found = await take(pigeon.GET('/v1/messages/{id}', { params: { path: { id } } }))
    return found.attempts_made.length >= 2 && found.timeline.length >= 2 ? found : undefined
  })
  const [first, last] = [message.timeline.at(0), message.timeline.at(-1)]
  assert.deepEqual([first?.type, first?.class], ['deferred', 'network'])
  assert.match(first?.reply ?? '', /^dot: /)
  assert.equal(last?.type, 'delivered')
  assert.equal(message.in_doubt, false, 'the second answer has ended the doubt')
}
