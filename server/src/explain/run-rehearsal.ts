import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Problem } from '#platform/problem.ts'
import type { Forecast, RehearsalInput } from '#windtunnel/rehearsal/rehearsal.ts'
import type { Audience } from './count-by-provider.ts'

/** What the thread is given: everything can be copied. */
export interface RehearsalJob {
  readonly input: Omit<RehearsalInput, 'recipients'>
  readonly groups: Audience['groups']
  readonly habits: 'gentle' | 'published'
  /** Directory of profiles besides those of Pigeon. */
  readonly profiles: string | undefined
}

export type RehearsalAnswer =
  | { readonly kind: 'forecast'; readonly forecast: Forecast }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** Runs rehearsals in threads of their own, a bounded number at a time. */
export interface RehearsalRunner {
  /** Problems: rehearsal.busy, rehearsal.too_long, and what the input has against it. */
  run(job: RehearsalJob): Promise<Forecast>
}

/** A thread uses a core: others have work to do. */
const AT_ONCE = 2
/** 400,000 recipients took 6 s on a busy machine. */
const DEADLINE_MS = 60_000
/** A million recipients take about 100 MB. */
const MAX_HEAP_MB = 512

const WORKER = new URL('./rehearse-worker.ts', import.meta.url)

export function createRehearsalRunner({
  deadlineMs = DEADLINE_MS,
}: { deadlineMs?: number } = {}): RehearsalRunner {
  let running = 0
  return {
    run: async (job) => {
      if (running >= AT_ONCE)
        throw new Problem(
          'limited',
          'rehearsal.busy',
          'Other rehearsals are running. Try again in some seconds.',
          {
            retryAfterMs: 5_000,
          },
        )
      running += 1
      try {
        return forecastOf(await inThread(job, deadlineMs))
      } finally {
        running -= 1
      }
    },
  }
}

async function inThread(job: RehearsalJob, deadlineMs: number): Promise<RehearsalAnswer | undefined> {
  const worker = new Worker(WORKER, {
    workerData: job,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    env: {},
  })
  const ended = new AbortController()
  const timer = setTimeout(() => ended.abort(), deadlineMs)
  try {
    const [answer]: RehearsalAnswer[] = await once(worker, 'message', { signal: ended.signal })
    return answer
  } catch (error) {
    if (ended.signal.aborted) return undefined
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) }
  } finally {
    clearTimeout(timer)
    await worker.terminate()
  }
}

function forecastOf(answer: RehearsalAnswer | undefined): Forecast {
  if (answer?.kind === 'forecast') return answer.forecast
  if (answer?.kind === 'refused') throw new Problem('invalid', answer.code, answer.message)
  if (answer === undefined)
    throw new Problem(
      'unavailable',
      'rehearsal.too_long',
      'The rehearsal took too long. Rehearse a smaller list.',
    )
  throw new Error(`The rehearsal failed: ${answer.reason}`)
}
