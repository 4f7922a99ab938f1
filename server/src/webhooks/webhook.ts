import { isPrivateAddress } from '#delivery/private-address.ts'
import type { WebhookEventName } from '#events/webhook-events.ts'
import { Problem } from '#platform/problem.ts'

export const WEBHOOK_LIMITS = {
  /** Of a tenant. */
  webhooks: 20,
  urlChars: 2_000,
  descriptionChars: 200,
  /** How long an old secret may sign beside the new one. */
  rotationHours: 168,
  /** In one call. */
  replayed: 10_000,
} as const

/** Who is told of what, as people see it. Its secret is shown when it is made, and never again. */
export interface Webhook {
  readonly id: string
  readonly url: string
  readonly description: string | null
  /** Null: every event. */
  readonly events: WebhookEventName[] | null
  readonly enabled: boolean
  readonly disabled_at: Date | null
  /** Why it was disabled, if nobody asked for it. */
  readonly disabled_reason: string | null
  /** Since when every attempt has failed. */
  readonly failing_since: Date | null
  /** Until then the secret before this one signs, too. */
  readonly previous_secret_until: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

/**
 * The URL of a webhook as it is stored: https, without credentials or fragment, and not an address of a private network.
 * `allowPrivate` lets both be otherwise. Names are looked at again at each connection. Problem `webhooks.bad_url`.
 */
export function webhookUrl(text: string, { allowPrivate }: { readonly allowPrivate: boolean }): string {
  const url = URL.parse(text)
  if (url === null) throw badUrl('Write a URL like https://example.com/pigeon.')
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw badUrl('The URL has no user, password or fragment in it: the signature says who we are.')
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw badUrl('The URL begins with https://.')
  if (!allowPrivate && isWrittenPrivate(url.hostname))
    throw badUrl('The URL leads to a private address, where nothing may be sent.')
  return url.href
}

/** An address that is written as one is connected to without a look-up, so the guard of the look-up would not see it. */
export function isWrittenPrivate(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, '')
  return /^[\d.]+$|:/.test(bare) && isPrivateAddress(bare)
}

function badUrl(message: string): Problem {
  const errors = [{ field: 'url', code: 'webhooks.bad_url', message }]
  return new Problem('invalid', 'webhooks.bad_url', message, { errors })
}

export function webhookNotFound(): Problem {
  const message = 'There is no webhook with this id. GET /v1/webhooks lists yours.'
  return new Problem('not_found', 'webhooks.not_found', message)
}
