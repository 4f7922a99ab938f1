import { bodyOf, verified } from '#webhooks/webhooks-test-room.ts'
import { startScriptedApi, type ApiRequest } from './scripted-api.ts'

export interface WebhookReceiver {
  readonly url: string
  /** What signatures are verified with. */
  secret: string
  /** Answers 503 to everything. */
  isDown: boolean
  refusedSignatures: number
  /** What it has taken, each webhook once, by event. */
  accepted(): ReadonlyMap<string, number>
}

/** Somebody's server that is told by webhooks, and verifies them with the library of Standard Webhooks. */
export async function startWebhookReceiver(scope: {
  after(cleanUp: () => Promise<void>): void
}): Promise<WebhookReceiver> {
  const taken = new Map<string, string>()
  const api = await startScriptedApi({
    answer: (request) => {
      if (receiver.isDown) return { status: 503 }
      if (!isVerified(receiver.secret, request)) {
        receiver.refusedSignatures += 1
        return { status: 401 }
      }
      taken.set(String(request.headers['webhook-id']), bodyOf(request).event)
      return { status: 204 }
    },
  })
  scope.after(() => api.close())
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${api.port}/pigeon`,
    secret: '',
    isDown: false,
    refusedSignatures: 0,
    accepted: () => {
      const counts = new Map<string, number>()
      for (const event of taken.values()) counts.set(event, (counts.get(event) ?? 0) + 1)
      return counts
    },
  }
  return receiver
}

function isVerified(secret: string, request: ApiRequest): boolean {
  try {
    verified(secret, request)
    return true
  } catch {
    return false
  }
}
