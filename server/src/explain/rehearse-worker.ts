import { parentPort, workerData } from 'node:worker_threads'
import { Problem } from '#platform/problem.ts'
import { loadProfiles } from '#windtunnel/load-profiles.ts'
import { rehearse } from '#windtunnel/rehearsal/rehearse.ts'
import type { Habits } from '#windtunnel/habits.schema.ts'
import type { RehearsalAnswer, RehearsalJob } from './run-rehearsal.ts'

// The thread of run-rehearsal.ts: one rehearsal, then it ends.

async function answerTo({ input, groups, habits, profiles }: RehearsalJob): Promise<RehearsalAnswer> {
  try {
    const recipients = groups.map(({ provider, count, addresses }) => ({
      provider,
      count,
      ...(addresses === undefined ? {} : { addressAt: (index: number) => addresses[index] ?? '' }),
    }))
    const deps = {
      profiles: await loadProfiles(profiles),
      habitsOf: (profile: { gentleHabits: Habits; habits: Habits }) =>
        habits === 'gentle' ? profile.gentleHabits : profile.habits,
    }
    return { kind: 'forecast', forecast: await rehearse(deps, { ...input, recipients }) }
  } catch (error) {
    if (error instanceof Problem) return { kind: 'refused', code: error.code, message: error.message }
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  }
}

// What run-rehearsal.ts gives it.
parentPort?.postMessage(await answerTo(workerData as RehearsalJob))
