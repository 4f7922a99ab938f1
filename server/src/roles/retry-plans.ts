import type { Config } from '#config/sections.ts'
import type { MessageClass } from '#delivery/lanes/fair-queue.ts'
import type { RetryPlan } from '#delivery/retry.ts'
import type { SendingMode } from '#events/email-events.ts'

const ABSENT_AGAIN_MS = 600_000
const HOUR_MS = 3_600_000

/** How a class of messages is tried in a mode, and for how long. Milliseconds. */
export interface ClassPlan extends RetryPlan {
  readonly expiresMs: number
}

/** When mail that was put off is tried again, in each mode and class. */
export function retryPlans(
  config: Config,
): Readonly<Record<SendingMode, Readonly<Record<MessageClass, ClassPlan>>>> {
  const sandbox = {
    firstMs: config.PIGEON_SANDBOX_RETRY_FIRST_MS,
    maxMs: config.PIGEON_RETRY_MAX_SECONDS * 1000,
    absentAgainMs: config.PIGEON_SANDBOX_RETRY_FIRST_MS,
    expiresMs: config.PIGEON_SANDBOX_EXPIRE_SECONDS * 1000,
  }
  return {
    live: {
      bulk: {
        firstMs: config.PIGEON_RETRY_FIRST_SECONDS * 1000,
        maxMs: config.PIGEON_RETRY_MAX_SECONDS * 1000,
        absentAgainMs: ABSENT_AGAIN_MS,
        expiresMs: config.PIGEON_EXPIRE_HOURS * HOUR_MS,
      },
      transactional: {
        firstMs: config.PIGEON_TRANSACTIONAL_RETRY_FIRST_SECONDS * 1000,
        maxMs: config.PIGEON_TRANSACTIONAL_RETRY_MAX_SECONDS * 1000,
        absentAgainMs: ABSENT_AGAIN_MS,
        expiresMs: config.PIGEON_TRANSACTIONAL_EXPIRE_HOURS * HOUR_MS,
      },
    },
    sandbox: { bulk: sandbox, transactional: sandbox },
  }
}
