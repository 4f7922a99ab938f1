import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { delivererOf, killDeliverer, killPid, type Kill, type Point } from './kill.ts'
import { APPEND_TO_PARTITION, NEW_DELIVERIES, raiseBarrier, RECORD_OFFSETS, type Barrier } from './locks.ts'
import { readJournal } from './journals.ts'
import type { Stage } from './stage.ts'

const HAPPENS_DEADLINE_MS = 120_000
/** Then something else stands at the barrier: see `holdOutcomes`. */
const PATIENCE_MS = 10_000
/** Looking must cost little of the processor time that those who are waited for need. */
const POLL_MS = 50
const NOTHING: Omit<Kill, 'point'> = { open: 0, mayComeAgain: new Set() }
/** Half of the times PostgreSQL finds out at once that a process is gone, and half of the times too late. */
const ENDS_SESSIONS = 0.5

/** Outcomes are in the journal, and the stream has not taken them: they come from the journal, and nothing is sent again. */
const beforeAppend: Point = {
  name: 'before-append',
  kill: async (stage, site, choose) => {
    const { platform } = stage.account
    const deliverer = await delivererOf(stage, site)
    const barrier = await holdOutcomes(
      stage,
      deliverer.shard,
      () => raiseBarrier(platform, APPEND_TO_PARTITION, ['email.events', [deliverer.shard]]),
      async () => {
        const { delivered } = await readJournal(platform.dataDir, deliverer.process)
        return isAnyUnrecorded(stage, delivered)
      },
    )
    try {
      return { point: 'before-append', ...(await killDeliverer(stage, site, deliverer)) }
    } finally {
      await barrier.remove(choose('ends sessions') < ENDS_SESSIONS)
    }
  },
}

/** Outcomes are in the stream, and record has not applied them. */
const beforeRecord: Point = {
  name: 'before-record',
  kill: async (stage, site, choose) => {
    const deliverer = await delivererOf(stage, site)
    const barrier = await holdOutcomes(
      stage,
      deliverer.shard,
      () => raiseBarrier(stage.account.platform, RECORD_OFFSETS),
      () => isUnread(stage, deliverer.shard),
    )
    try {
      return { point: 'before-record', ...(await killDeliverer(stage, site, deliverer)) }
    } finally {
      await barrier.remove(choose('ends sessions') < ENDS_SESSIONS)
    }
  },
}

/**
 * Raises a barrier and lets mail through until outcomes stand before it. When a takeover has come there first, what was claimed
 * before it stays claimed, and no mail of the site may be left that can move: then the barrier goes away until record has read
 * that, and is raised again.
 */
async function holdOutcomes(
  stage: Stage,
  shard: number,
  raise: () => Promise<Barrier>,
  stand: () => Promise<boolean>,
): Promise<Barrier> {
  for (const end = performance.now() + HAPPENS_DEADLINE_MS; performance.now() < end;) {
    const barrier = await raise()
    try {
      stage.letThrough()
      if ((await becomes(async () => (await barrier.waiting()).size > 0)) && (await becomes(stand)))
        return barrier
    } catch (error) {
      await barrier.remove(true)
      throw error
    }
    await barrier.remove(false)
    await becomes(async () => !(await isUnread(stage, shard)))
  }
  throw new Error(`No outcomes came to the barrier within ${HAPPENS_DEADLINE_MS} ms.`)
}

async function becomes(question: () => Promise<boolean>): Promise<boolean> {
  for (const end = performance.now() + PATIENCE_MS; performance.now() < end;) {
    if (await question()) return true
    await delay(POLL_MS)
  }
  return false
}

/** Record has applied a batch, and has not committed it. */
const inRecord: Point = {
  name: 'in-record',
  kill: async (stage, _site, choose) => {
    const { platform } = stage.account
    const pid = await platform.pid('record')
    const barrier = await raiseBarrier(platform, RECORD_OFFSETS)
    stage.letThrough()
    try {
      await barrier.untilSomebodyWaits('record')
      await killPid(pid)
      return { point: 'in-record', ...NOTHING }
    } finally {
      await barrier.remove(choose('ends sessions') < ENDS_SESSIONS)
    }
  },
}

/** A process is killed, and its successor too, when it has the shards and before its takeover is in the stream. */
const inTakeover: Point = {
  name: 'in-takeover',
  kill: async (stage, site, choose) => {
    const deliverer = await delivererOf(stage, site)
    const barrier = await raiseBarrier(stage.account.platform, APPEND_TO_PARTITION, [
      'email.events',
      [deliverer.shard],
    ])
    stage.letThrough()
    try {
      const kill = await killDeliverer(stage, site, deliverer)
      const before = await barrier.waiting()
      const successor = await stage.account.platform.pid('deliver', deliverer.process)
      await barrier.untilSomebodyWaits('deliver', before)
      await killPid(successor)
      return { point: 'in-takeover', ...kill }
    } finally {
      await barrier.remove(choose('ends sessions') < ENDS_SESSIONS)
    }
  },
}

/** At any time of a campaign. */
export const INSIDE_POINTS: readonly Point[] = [beforeAppend, beforeRecord, inRecord, inTakeover]

/**
 * Dispatch is killed while messages are made of contacts, and again while it has claimed some and not handed them over.
 * Both are at the beginning of a campaign: `send` starts it.
 */
export async function killDispatchAtStart(
  stage: Stage,
  points: ReadonlySet<string>,
  send: () => Promise<unknown>,
  choose: (choice: string) => number,
): Promise<Kill[]> {
  const { platform } = stage.account
  const kills: Kill[] = []
  const partitions = await stage.session.query(
    `select partition from stream_partitions where topic = 'email.send'`,
  )
  const claims = points.has('in-claim')
    ? await raiseBarrier(platform, APPEND_TO_PARTITION, [
        'email.send',
        partitions.map((row) => row.partition),
      ])
    : undefined
  try {
    const fanOut = points.has('in-fan-out') ? await raiseBarrier(platform, NEW_DELIVERIES) : undefined
    try {
      await send()
      if (fanOut !== undefined) {
        await fanOut.untilSomebodyWaits('dispatch')
        await killPid(await platform.pid('dispatch'))
        kills.push({ point: 'in-fan-out', ...NOTHING })
      }
    } finally {
      await fanOut?.remove(choose('in-fan-out ends sessions') < ENDS_SESSIONS)
    }
    if (claims !== undefined) {
      await claims.untilSomebodyWaits('dispatch')
      await killPid(await platform.pid('dispatch'))
      kills.push({ point: 'in-claim', ...NOTHING })
    }
  } finally {
    await claims?.remove(choose('in-claim ends sessions') < ENDS_SESSIONS)
  }
  return kills
}

export const START_POINTS = ['in-fan-out', 'in-claim'] as const

async function isAnyUnrecorded({ session }: Stage, delivered: ReadonlySet<string>): Promise<boolean> {
  const rows = await session.query(
    `select 1 from messages where id = any($1::uuid[]) and state <> 'delivered' limit 1`,
    [[...delivered]],
  )
  return rows.length > 0
}

async function isUnread({ session }: Stage, shard: number): Promise<boolean> {
  const rows = await session.query(
    `select 1 from stream_partitions p join stream_offsets o on o.topic = p.topic and o.partition = p.partition
      where p.topic = 'email.events' and o.group_name = 'record' and p.partition = $1 and p.next_offset > o.next_offset`,
    [shard],
  )
  assert.ok(rows.length <= 1)
  return rows.length > 0
}
