import { setTimeout as delay } from 'node:timers/promises'

const DEFAULT_DEADLINE_MS = 30_000
const POLL_MS = 10

/**
 * Asks again and again until the answer is something (not null, undefined or false) and returns it. `what` completes
 * the sentence of the failure: "Waited 30000 ms in vain for WHAT".
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | Promise<T>,
  deadlineMs: number = DEFAULT_DEADLINE_MS,
): Promise<Exclude<T, null | undefined | false>> {
  const end = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (isSomething(answer)) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > end)
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}; the last answer was: ${String(last)}`, {
        cause: last,
      })
    await delay(POLL_MS)
  }
}

function isSomething<T>(answer: T): answer is Exclude<T, null | undefined | false> {
  return answer !== null && answer !== undefined && answer !== false
}
