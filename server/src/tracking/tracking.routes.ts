import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { show } from './page.ts'
import { resubscribe, subscriptionState, unsubscribe } from './unsubscribe.ts'
import type { SubscriptionState, UnsubscribeDeps } from './unsubscribe.ts'
import { unsubscribeTokenReader } from './unsubscribe-link.ts'
import type { MessageIds } from './unsubscribe-link.ts'
import { misunderstoodPage, subscriptionPage, unknownLinkPage } from './unsubscribe-page.ts'

export interface UnsubscribeRouteDeps extends UnsubscribeDeps {
  readonly keys: Pick<Keys, 'derive'>
}

const MAX_FORM_BYTES = 4_096
const MAX_FORM_FIELDS = 10
const tags = ['Unsubscribe']
const TokenParams = Type.Object({ token: Type.String() })

type Action = 'list' | 'everything' | 'subscribe'

/**
 * The pages behind unsubscribe links. GET shows how things stand and changes nothing, since scanners open every link;
 * POST with `List-Unsubscribe=One-Click` (RFC 8058) unsubscribes at once, without cookies and without a redirect.
 */
export function registerUnsubscribe(app: App, deps: UnsubscribeRouteDeps): void {
  const readToken = unsubscribeTokenReader(deps.keys)
  app.register(async (scope: App) => {
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
      (_request, body, done) => {
        done(null, Object.fromEntries(new URLSearchParams(String(body))))
      },
    )
    scope.route({
      method: 'GET',
      url: '/u/:token',
      schema: {
        operationId: 'showUnsubscribePage',
        tags,
        summary: 'The page behind an unsubscribe link',
        params: TokenParams,
        produces: ['text/html'],
      },
      config: { public: true },
      handler: async (request, reply) => {
        const ids = readToken(request.params.token)
        const state = ids === undefined ? undefined : await subscriptionState(deps, ids)
        return state === undefined
          ? show(reply, 404, unknownLinkPage())
          : show(reply, 200, subscriptionPage(state, false))
      },
    })
    scope.route({
      method: 'POST',
      url: '/u/:token',
      bodyLimit: MAX_FORM_BYTES,
      schema: {
        operationId: 'unsubscribe',
        tags,
        summary: 'Unsubscribe with one click (RFC 8058)',
        params: TokenParams,
        produces: ['text/html'],
      },
      config: { public: true },
      handler: async (request, reply) => {
        const ids = readToken(request.params.token)
        const action = actionOf(await readForm(request))
        if (ids === undefined) return show(reply, 404, unknownLinkPage())
        if (action === undefined) return show(reply, 400, misunderstoodPage())
        const state = await act(deps, ids, action)
        return state === undefined
          ? show(reply, 404, unknownLinkPage())
          : show(reply, 200, subscriptionPage(state, true))
      },
    })
  })
}

async function act(
  deps: UnsubscribeRouteDeps,
  ids: MessageIds,
  action: Action,
): Promise<SubscriptionState | undefined> {
  return action === 'subscribe' ? resubscribe(deps, ids) : unsubscribe(deps, ids, action)
}

function actionOf(form: ReadonlyMap<string, string>): Action | undefined {
  if (form.get('List-Unsubscribe') === 'One-Click') return 'list'
  const action = form.get('action')
  return action === 'list' || action === 'everything' || action === 'subscribe' ? action : undefined
}

/** The fields of a form in either of the two encodings that RFC 8058 allows; what is too much of it is not read. */
async function readForm(request: FastifyRequest): Promise<ReadonlyMap<string, string>> {
  const form = new Map<string, string>()
  if (request.isMultipart()) {
    const limits = { fields: MAX_FORM_FIELDS, fieldSize: MAX_FORM_BYTES, files: 1, fileSize: MAX_FORM_BYTES }
    for await (const part of request.parts({ limits })) {
      if (part.type === 'file') part.file.resume()
      else if (typeof part.value === 'string') form.set(part.fieldname, part.value)
    }
    return form
  }
  const { body } = request
  if (typeof body !== 'object' || body === null) return form
  for (const [name, value] of Object.entries(body)) if (typeof value === 'string') form.set(name, value)
  return form
}
