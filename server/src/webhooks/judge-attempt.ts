import type { DueDelivery, SettledAttempt } from './hooks.store.ts'
import type { PostResult } from './post-webhook.ts'
import { waitAfter } from './retry-schedule.ts'

/** The receiver wants nothing more, ever (RFC 9110, 15.5.11). */
const GONE = 410

export function isSuccess({ status }: Pick<PostResult, 'status'>): boolean {
  return status !== null && status >= 200 && status <= 299
}

export function isGone({ status }: Pick<PostResult, 'status'>): boolean {
  return status === GONE
}

/** What follows from an attempt: any 2xx is a success, everything else is tried again until the schedule is at its end. */
export function judgeAttempt(
  due: Pick<DueDelivery, 'id' | 'tries'>,
  url: string,
  result: PostResult,
  { now, random }: { readonly now: Date; readonly random: number },
): SettledAttempt {
  const attempt = { ...result, deliveryId: due.id, url, error: result.error ?? errorOf(result.status) }
  if (isSuccess(result)) return { ...attempt, state: 'delivered', dueAt: null }
  const waitMs = isGone(result) ? null : waitAfter(due.tries + 1, random)
  if (waitMs === null) return { ...attempt, state: 'failed', dueAt: null }
  return { ...attempt, state: 'pending', dueAt: new Date(now.getTime() + waitMs) }
}

function errorOf(status: number | null): string | null {
  if (status === null || isSuccess({ status })) return null
  const isRedirect = status >= 300 && status <= 399
  return isRedirect
    ? `HTTP ${status}: redirects are not followed. Give the address that it leads to.`
    : `HTTP ${status}`
}
