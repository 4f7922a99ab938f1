import type { FeedbackEvent } from '#events/feedback-events.ts'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import type { Log } from '#platform/log.ts'
import type { Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { readMailgun } from './mailgun.ts'
import { verificationContext } from './manage-relay-webhook.ts'
import { readPostmark } from './postmark.ts'
import type { Genuine, ProviderInput, Refused, ToldRequest } from './provider.ts'
import { isRelayKind, sourceOfToken, webhookPassword, type RelayKind } from './relay-webhook.ts'
import { markReceived, selectRelaySource } from './relay-webhooks.store.ts'
import { readSendgrid } from './sendgrid.ts'
import { certificateUrl, readSes } from './ses.ts'

export interface ReceiveDeps {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly keys: Keys
  /** Hands news to record; it is durable when this resolves. */
  readonly appendFeedback: (events: readonly FeedbackEvent[]) => Promise<void>
  /** GET of an address at Amazon SNS, with a deadline: a certificate, or the confirmation of a subscription. */
  readonly fetchFromAmazon: (url: URL) => Promise<string>
}

/**
 * What a relay tells of mail that left through it. Nothing of it is believed before its signature is checked. A bounce or a
 * complaint is durable when this resolves, so the relay need not tell it again; what it tells twice counts once. Problems
 * `relay_webhooks.unknown`, `relay_webhooks.refused`.
 */
export async function receiveRelayWebhook(
  deps: ReceiveDeps,
  token: string,
  request: ToldRequest,
): Promise<void> {
  const sourceId = sourceOfToken(deps.keys, token)
  const source = sourceId === undefined ? undefined : await selectRelaySource(deps.db, sourceId)
  if (source === undefined || !isRelayKind(source.relay_kind)) throw unknown()
  const { id, verification } = source
  const input: ProviderInput = {
    request,
    sourceId: id,
    verification:
      verification === null
        ? null
        : (await deps.keys.decrypt(verification, verificationContext(id))).toString('utf8'),
    password: webhookPassword(deps.keys, id),
    now: deps.clock.now(),
  }
  const read = await readAs(deps, source.relay_kind, input)
  if ('refused' in read) {
    deps.log.warn({ source: source.name, why: read.refused }, 'A webhook of a relay was refused.')
    throw new Problem('forbidden', 'relay_webhooks.refused', read.refused)
  }
  if (read.events.length > 0) await deps.appendFeedback(read.events)
  if (read.confirm !== undefined) await deps.fetchFromAmazon(read.confirm)
  await markReceived(deps.db, id, input.now)
}

async function readAs(deps: ReceiveDeps, kind: RelayKind, input: ProviderInput): Promise<Genuine | Refused> {
  switch (kind) {
    case 'ses': {
      const url = certificateUrl(input.request.body)
      return readSes(input, url === undefined ? undefined : await deps.fetchFromAmazon(url))
    }
    case 'sendgrid':
      return readSendgrid(input)
    case 'mailgun':
      return readMailgun(input)
    default:
      return readPostmark(input)
  }
}

function unknown(): Problem {
  const message = 'Nothing is told here. GET /v1/sources/{id}/webhook says where.'
  return new Problem('not_found', 'relay_webhooks.unknown', message)
}
