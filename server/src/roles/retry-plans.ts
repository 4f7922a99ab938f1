import type { Config } from '#config/sections.ts'
import type { RetryPlan } from '#delivery/retry.ts'
import type { SendingMode } from '#events/email-events.ts'

const ABSENT_AGAIN_MS = 600_000

/** When mail that was put off is tried again in each mode, and when it has failed. */
export function retryPlans(config: Config): Record<SendingMode, RetryPlan & { readonly expiresMs: number }> {
  const maxMs = config.PIGEON_RETRY_MAX_SECONDS * 1000
  return {
    live: {
      firstMs: config.PIGEON_RETRY_FIRST_SECONDS * 1000,
      maxMs,
      absentAgainMs: ABSENT_AGAIN_MS,
      expiresMs: config.PIGEON_EXPIRE_HOURS * 3_600_000,
    },
    sandbox: {
      firstMs: config.PIGEON_SANDBOX_RETRY_FIRST_MS,
      maxMs,
      absentAgainMs: config.PIGEON_SANDBOX_RETRY_FIRST_MS,
      expiresMs: config.PIGEON_SANDBOX_EXPIRE_SECONDS * 1000,
    },
  }
}
