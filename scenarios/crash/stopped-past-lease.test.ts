import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { act, ask, campaignEnd, createCampaign, metricsOf } from '@pigeon/scenarios/account.ts'
import { proveAccounted, proveReconciled } from '@pigeon/scenarios/proof.ts'
import { startLoneDeliver } from '@pigeon/server/test/role-process.ts'
import { delivererOf, stopNow } from './kill.ts'
import { openStage, type Stage } from './stage.ts'

const CONTACTS = 1_200
const DEADLINE_MS = 120_000
const POLL_MS = 200

test('a process that stood still past its lease finds its mail sent by another, sends nothing and changes nothing', async (t) => {
  const stage = await openStage(t, { contacts: CONTACTS, points: 2, processes: 1 })
  const { account, sites } = stage
  const id = await createCampaign(account, { listId: stage.listId })
  for (const { gate } of sites) gate.allow(0)
  await act(account, id, 'send')
  stage.letThrough()
  const first = sites[0]
  if (first === undefined) throw new Error('There is no site.')
  const { pid } = await delivererOf(stage, first)
  await until('final dots without an answer at every site', () => sites.every(({ gate }) => inHand(gate) > 1))

  stopNow(pid)
  const open = sites.reduce((sum, { gate }) => sum + gate.mostOpen(), 0)
  // The answers arrive while it does not hear them.
  for (const { gate } of sites) gate.allow(Infinity)
  await until('the leases to end', () =>
    holds(stage, 'select bool_and(lease_until < now()) as yes from shards'),
  )
  const successor = await startLoneDeliver(account.platform)
  t.after(successor.stop)
  const ended = await campaignEnd(account, id)
  await successor.stop()

  const sent = (await account.platform.windtunnel.stats(id)).received
  const epochs = await epochSum(stage)
  process.kill(pid, 'SIGCONT')
  await until('the old process to take the free shards', async () => (await epochSum(stage)) > epochs)
  await until('its answers to be recorded', () => holds(stage, ALL_RECORDED))
  await until('its conversations to end', () => sites.every(({ gate }) => inHand(gate) === 0))

  assert.equal((await account.platform.windtunnel.stats(id)).received, sent, 'it has sent again')
  assert.deepEqual((await metricsOf(account, id)).states, ended.states, 'it has changed what was final')
  const { metrics, duplicates } = await proveAccounted(account, id, CONTACTS)
  assert.equal(metrics.states.delivered, CONTACTS)
  t.diagnostic(`${duplicates} duplicates, ${open} open connections`)
  assert.ok(duplicates <= open, `${duplicates} duplicates with ${open} open connections`)
  await proveReconciled(account)
})

const ALL_RECORDED = `
  select not exists (
    select from stream_partitions p join stream_offsets o on o.topic = p.topic and o.partition = p.partition
     where p.topic = 'email.events' and o.group_name = 'record' and p.next_offset > o.next_offset) as yes`

/** Open conversations in which a final dot has been passed on. */
function inHand(gate: Stage['sites'][number]['gate']): number {
  return gate.conversations().filter((each) => each.closedAt === undefined && each.dotted !== undefined)
    .length
}

async function holds({ session }: Stage, question: string): Promise<boolean> {
  return (await session.query(question))[0]?.yes === true
}

async function epochSum({ session }: Stage): Promise<number> {
  return Number((await session.query('select sum(epoch) as sum from shards'))[0]?.sum)
}

async function until(what: string, question: () => boolean | Promise<boolean>): Promise<void> {
  await ask(
    what,
    async () => {
      await delay(POLL_MS)
      return (await question()) || undefined
    },
    DEADLINE_MS,
  )
}
