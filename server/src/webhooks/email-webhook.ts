import type { HistoryEvent } from '#events/email-events.ts'
import type { WebhookEvent } from '#events/webhook-events.ts'

/** What the history writes for an id that a message does not have. */
const NO_ID = '00000000-0000-0000-0000-000000000000'
const MAX_REPLY_CHARS = 1_000

/** What webhooks are told of an event of a message; `email` is the address that it went to. */
export function emailWebhook(event: HistoryEvent, email: string | null): WebhookEvent {
  const { detail } = event
  return {
    tenantId: event.tenantId,
    event: `email.${event.type}`,
    at: event.at,
    subjectId: event.messageId,
    data: {
      message_id: event.messageId,
      campaign_id: idOf(event.campaignId),
      contact_id: idOf(event.contactId),
      email,
      ip_address: detail?.ip ?? null,
      user_agent: detail?.userAgent ?? null,
      [`${event.type}_at`]: event.at,
      ...(event.attempt === 0 ? {} : attemptOf(event)),
      ...detail?.data,
    },
  }
}

function attemptOf(event: HistoryEvent) {
  return {
    attempt: event.attempt,
    provider: event.provider,
    source: event.source,
    code: event.code,
    enhanced_code: event.enhanced,
    class: event.class,
    reply: event.reply?.slice(0, MAX_REPLY_CHARS) ?? null,
  }
}

function idOf(id: string | null): string | null {
  return id === null || id === '' || id === NO_ID ? null : id
}
