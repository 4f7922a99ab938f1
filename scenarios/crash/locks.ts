import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseSession, RunningPlatform } from '@pigeon/server/test/platform.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'

/** A lock that a process of the platform runs into, as it would into a slow disk: it stands still at a known place. */
export interface Barrier {
  /** Waits until a process of this role stands at the barrier. `except`: sessions that stood there before. */
  untilSomebodyWaits(role: 'deliver' | 'dispatch' | 'record', except?: ReadonlySet<number>): Promise<number[]>
  /** Sessions of PostgreSQL that stand there now. */
  waiting(): Promise<Set<number>>
  /**
   * Takes the barrier away. `endsSessions`: the sessions that stood there are ended first, as when PostgreSQL has found
   * out that their process is gone; else they go on with what they were told, although nobody hears the answer.
   */
  remove(endsSessions: boolean): Promise<void>
}

const WAIT_DEADLINE_MS = 120_000
/** Looking must cost little of the processor time that those who are waited for need. */
const POLL_MS = 50

const BLOCKED = `
  select pid, application_name from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))`

/** Takes a lock in a transaction that stays open until `remove`. */
export async function raiseBarrier(
  platform: RunningPlatform,
  lock: string,
  values: readonly unknown[] = [],
): Promise<Barrier> {
  const session = await platform.session()
  await session.query('begin')
  await session.query(lock, values)
  return {
    untilSomebodyWaits: (role, except = new Set()) =>
      waitFor(
        `a process of the role ${role} to stand at the barrier`,
        async () => {
          await delay(POLL_MS)
          const found = (await blockedBy(session))
            .filter((each) => each.name === `pigeon ${role}` && !except.has(each.pid))
            .map((each) => each.pid)
          return found.length > 0 ? found : undefined
        },
        WAIT_DEADLINE_MS,
      ),
    waiting: async () => new Set((await blockedBy(session)).map((each) => each.pid)),
    remove: async (endsSessions) => {
      try {
        if (endsSessions)
          for (const { pid } of await blockedBy(session))
            await session.query('select pg_terminate_backend($1)', [pid])
        await session.query('rollback')
      } finally {
        await session.close()
      }
    },
  }
}

async function blockedBy(session: DatabaseSession): Promise<{ pid: number; name: string }[]> {
  // In a transaction PostgreSQL shows for ever what it showed first.
  await session.query('select pg_stat_clear_snapshot()')
  const rows = await session.query(BLOCKED)
  return rows.map((row) => ({ pid: Number(row.pid), name: String(row.application_name) }))
}

/** Whoever appends to this partition of a topic stands still. */
export const APPEND_TO_PARTITION =
  'select from stream_partitions where topic = $1 and partition = any($2::int[]) for update'
/** Record stands still at the end of its transaction: what it applied is not committed. */
export const RECORD_OFFSETS = `
  select from stream_offsets where topic = 'email.events' and group_name = 'record' for update`
/** Whoever makes deliveries of contacts stands still. */
export const NEW_DELIVERIES = 'lock table deliveries in share mode'
