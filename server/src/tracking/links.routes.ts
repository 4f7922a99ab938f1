import { parseLinkToken, parseTrackingToken } from '@pigeon/mail/tracking-token.ts'
import { Type } from 'typebox'
import type { FeedbackEvent } from '#events/feedback-events.ts'
import type { App } from '#http/app.ts'
import type { Clock } from '#platform/clock.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { show } from './page.ts'
import { hitTeller } from './tell-hit.ts'
import { CLICK_PATH, OPEN_PATH } from './track-content.ts'
import { trackingKey } from './tracking-key.ts'
import { brokenLinkPage } from './unsubscribe-page.ts'

export interface TrackingRouteDeps {
  readonly clock: Clock
  readonly keys: Pick<Keys, 'derive'>
  readonly feedback: { put(event: FeedbackEvent): Promise<void> }
}

/** One transparent point. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')
/** Nobody keeps it, or learns from where its reader came; no cookie is ever set. */
const HEADERS = {
  'cache-control': 'no-store, private',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex, nofollow',
} as const

/**
 * Pixel and redirect. Both read nothing: all they need is in their tokens. A redirect leads only to an address that was in
 * this message; whatever else is asked for is a page with 404. HEAD is answered as GET, and told as what it is.
 */
export function registerTracking(app: App, deps: TrackingRouteDeps): void {
  const key = trackingKey(deps.keys)
  const tell = hitTeller(deps)
  app.route({
    method: 'GET',
    url: `${OPEN_PATH}:message`,
    schema: { hide: true, params: Type.Object({ message: Type.String() }) },
    config: { public: true },
    handler: async (request, reply) => {
      const message = parseTrackingToken(key, request.params.message)
      if (message === undefined) return show(reply, 404, brokenLinkPage())
      await tell(request, message)
      return reply.headers(HEADERS).type('image/gif').send(PIXEL)
    },
  })
  app.route({
    method: 'GET',
    // The rest of the path and not a step of it: an address is longer than a step may be.
    url: `${CLICK_PATH}:message/*`,
    schema: { hide: true, params: Type.Object({ message: Type.String(), '*': Type.String() }) },
    config: { public: true },
    handler: async (request, reply) => {
      const message = parseTrackingToken(key, request.params.message)
      const link = message === undefined ? undefined : parseLinkToken(key, message, request.params['*'])
      if (message === undefined || link === undefined) return show(reply, 404, brokenLinkPage())
      await tell(request, message, link)
      // The link that no person sees leads nowhere.
      if (link.url === '') return reply.code(204).headers(HEADERS).send()
      return reply.code(302).headers(HEADERS).header('location', link.url).send()
    },
  })
}
