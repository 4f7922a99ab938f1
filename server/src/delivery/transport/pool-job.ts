import type { Clock } from '#platform/clock.ts'
import type { SmtpConnection } from './smtp-connection.ts'
import type { Transaction } from './smtp-transaction.ts'
import type { TlsTry } from './tls-rule.ts'
import { createTranscript } from './transcript.ts'
import type { OutgoingMessage, SendResult, SendSession } from './transport.ts'

/** A message that meets closed warm connections more often than this is settled with what it met. */
const MAX_GIVE_BACKS = 3

/** Where an attempt got to that never had a connection. */
export interface FailedOpening {
  readonly transcript: string
  readonly mxHost: string | null
  readonly mxAddress: string | null
  readonly tlsTries: readonly TlsTry[]
}

/** A message in the pool, from `send` to its one answer. */
export interface PoolJob extends Transaction {
  readonly enqueuedMs: number
  /** It is on this connection now; the first message of a connection shows its greeting. */
  begin(connection: SmtpConnection, served: number): void
  /** Ends it without a connection. */
  fail(result: SendResult, opening?: FailedOpening): void
}

export function createPoolJob(
  deps: { readonly clock: Clock; readonly requeue: (job: PoolJob) => boolean },
  message: OutgoingMessage,
  answer: (result: SendResult & SendSession) => void,
): PoolJob {
  const transcript = createTranscript()
  let startedAt = deps.clock.now()
  let greeting = ''
  let connection: SmtpConnection | undefined
  let giveBacks = 0
  let isSettled = false

  function settle(result: SendResult, opening?: FailedOpening): void {
    if (isSettled) return
    isSettled = true
    answer({
      ...result,
      mxHost: connection?.host ?? opening?.mxHost ?? null,
      mxAddress: connection?.address ?? opening?.mxAddress ?? null,
      isTls: connection?.isTls ?? false,
      tlsTries: connection?.tlsTries ?? opening?.tlsTries ?? [],
      transcript: (opening?.transcript ?? '') + greeting + transcript.text(),
      startedAt,
      endedAt: deps.clock.now(),
    })
  }

  const job: PoolJob = {
    message,
    transcript,
    enqueuedMs: deps.clock.monotonicMs(),
    begin(on, served) {
      connection = on
      startedAt = deps.clock.now()
      greeting =
        served === 0 ? on.greeting : `* message ${served + 1} on a connection to ${on.host} [${on.address}]\n`
    },
    settle: (result) => settle(result),
    fail: settle,
    giveBack() {
      giveBacks += 1
      if (isSettled || giveBacks > MAX_GIVE_BACKS) return false
      transcript.clear()
      greeting = ''
      connection = undefined
      return deps.requeue(job)
    },
  }
  return job
}
