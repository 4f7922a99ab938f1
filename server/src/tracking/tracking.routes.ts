import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { show } from './page.ts'
import { registerPreferences } from './preferences.routes.ts'
import { acceptForms, MAX_FORM_BYTES, readForm } from './read-form.ts'
import { resubscribe, subscriptionState, unsubscribe } from './unsubscribe.ts'
import type { SubscriptionState, UnsubscribeDeps } from './unsubscribe.ts'
import { unsubscribeTokenReader } from './unsubscribe-link.ts'
import type { MessageIds } from './unsubscribe-link.ts'
import { misunderstoodPage, subscriptionPage, unknownLinkPage } from './unsubscribe-page.ts'

export interface UnsubscribeRouteDeps extends UnsubscribeDeps {
  readonly keys: Pick<Keys, 'derive'>
}

const MAX_ACTION_BYTES = 4_096
const tags = ['Unsubscribe']
const TokenParams = Type.Object({ token: Type.String() })

/** Relative to the page: right behind any public address. */
const listsUrl = (token: string): string => `${token}/lists`

type Action = 'list' | 'everything' | 'subscribe'

/**
 * The pages behind unsubscribe links. GET shows how things stand and changes nothing, since scanners open every link;
 * POST with `List-Unsubscribe=One-Click` (RFC 8058) unsubscribes at once, without cookies and without a redirect.
 */
export function registerUnsubscribe(app: App, deps: UnsubscribeRouteDeps): void {
  const readToken = unsubscribeTokenReader(deps.keys)
  app.register(async (scope: App) => {
    acceptForms(scope)
    registerPreferences(scope, deps, MAX_FORM_BYTES)
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
          : show(reply, 200, subscriptionPage(state, false, listsUrl(request.params.token)))
      },
    })
    scope.route({
      method: 'POST',
      url: '/u/:token',
      bodyLimit: MAX_ACTION_BYTES,
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
          : show(reply, 200, subscriptionPage(state, true, listsUrl(request.params.token)))
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

function actionOf(form: URLSearchParams): Action | undefined {
  if (form.get('List-Unsubscribe') === 'One-Click') return 'list'
  const action = form.get('action')
  return action === 'list' || action === 'everything' || action === 'subscribe' ? action : undefined
}
