import { Type } from 'typebox'
import { Problem } from '#platform/problem.ts'
import type { App } from './app.ts'
import { problems } from './schemas.ts'

/** By name what must answer before this process can do its work. A check that rejects is not ready. */
export type HealthChecks = Readonly<Record<string, () => Promise<unknown>>>

const CHECK_TIMEOUT_MS = 2000

const Healthy = Type.Object({ status: Type.Literal('ok') })

export function registerHealth(app: App, checks: HealthChecks): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    schema: {
      operationId: 'getHealth',
      tags: ['Operation'],
      summary: 'Is the process alive?',
      response: { 200: Healthy },
    },
    config: { public: true },
    handler: async () => ({ status: 'ok' as const }),
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      operationId: 'getReadiness',
      tags: ['Operation'],
      summary: 'Can it serve, with everything it needs?',
      response: { 200: Healthy, ...problems(503) },
    },
    config: { public: true },
    handler: async () => {
      await assertReady(checks)
      return { status: 'ok' as const }
    },
  })
}

async function assertReady(checks: HealthChecks): Promise<void> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({
      name,
      failed: await failsWithin(check, CHECK_TIMEOUT_MS),
    })),
  )
  const failed = results.filter((result) => result.failed).map((result) => result.name)
  if (failed.length > 0) {
    throw new Problem('unavailable', 'health.not_ready', `Not ready: ${failed.join(', ')} did not answer.`, {
      retryAfterMs: CHECK_TIMEOUT_MS,
    })
  }
}

async function failsWithin(check: () => Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<true>()
  const timer = setTimeout(() => late.resolve(true), timeoutMs)
  try {
    return await Promise.race([
      late.promise,
      check().then(
        () => false,
        () => true,
      ),
    ])
  } finally {
    clearTimeout(timer)
  }
}
