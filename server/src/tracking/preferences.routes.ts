import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { confirmToken, parseConfirmToken } from './confirm-token.ts'
import { show } from './page.ts'
import { confirmLists, savePreferences, showPreferences } from './preferences.ts'
import { confirmPage, confirmQuestionPage, preferencesPage } from './preferences-page.ts'
import { readForm } from './read-form.ts'
import type { UnsubscribeRouteDeps } from './tracking.routes.ts'
import { tokenKey, unsubscribeTokenReader } from './unsubscribe-link.ts'
import { unknownLinkPage } from './unsubscribe-page.ts'

const tags = ['Unsubscribe']
const TokenParams = Type.Object({ token: Type.String() })
/** Relative to /u/TOKEN/lists: right behind any public address. */
const LISTS = 'lists'
const config = { public: true } as const
const produces = ['text/html']

/** The page behind `{{ unsubscribe_url }}/lists`: the recipient's lists, saved by POST. A GET alone changes nothing. */
export function registerPreferences(app: App, deps: UnsubscribeRouteDeps, maxFormBytes: number): void {
  const readToken = unsubscribeTokenReader(deps.keys)
  const key = tokenKey(deps.keys)
  app.route({
    method: 'GET',
    url: '/u/:token/lists',
    schema: {
      operationId: 'showPreferences',
      tags,
      summary: 'The lists of a recipient',
      params: TokenParams,
      produces,
    },
    config,
    handler: async (request, reply) => {
      const ids = readToken(request.params.token)
      const found = ids === undefined ? undefined : await showPreferences(deps, ids)
      return found === undefined
        ? show(reply, 404, unknownLinkPage())
        : show(reply, 200, preferencesPage(found, { action: LISTS }))
    },
  })
  app.route({
    method: 'POST',
    url: '/u/:token/lists',
    bodyLimit: maxFormBytes,
    schema: {
      operationId: 'savePreferences',
      tags,
      summary:
        'Save which lists a recipient wants: what is left is left at once, what is wanted again needs a second step',
      params: TokenParams,
      produces,
    },
    config,
    handler: async (request, reply) => {
      const { token } = request.params
      const ids = readToken(token)
      const wanted = new Set((await readForm(request)).getAll('list'))
      const saved = ids === undefined ? undefined : await savePreferences(deps, ids, wanted)
      if (ids === undefined || saved === undefined) return show(reply, 404, unknownLinkPage())
      if (saved.toConfirm.length === 0)
        return show(reply, 200, preferencesPage(saved, { action: LISTS, saved: true }))
      const lists = saved.toConfirm.map(({ id }) => id)
      const confirm = confirmToken(key, ids, lists, deps.clock.now())
      return show(reply, 200, confirmPage(saved, `${LISTS}/${confirm}`))
    },
  })
  registerConfirm(app, deps)
}

/** The second step. Its token is longer than a step of a path may be: it is the rest of the path. */
function registerConfirm(app: App, deps: UnsubscribeRouteDeps): void {
  const readToken = unsubscribeTokenReader(deps.keys)
  const key = tokenKey(deps.keys)
  for (const method of ['GET', 'POST'] as const)
    app.route({
      method,
      url: '/u/:token/lists/*',
      schema: { hide: true, params: Type.Object({ token: Type.String(), '*': Type.String() }) },
      config,
      handler: async (request, reply) => {
        const { token, '*': confirm } = request.params
        const ids = readToken(token)
        const lists = ids === undefined ? undefined : parseConfirmToken(key, ids, confirm, deps.clock.now())
        if (ids === undefined || lists === undefined) return show(reply, 404, unknownLinkPage())
        if (request.method !== 'POST') return show(reply, 200, confirmQuestionPage(confirm))
        const found = await confirmLists(deps, ids, lists)
        return found === undefined
          ? show(reply, 404, unknownLinkPage())
          : show(reply, 200, preferencesPage(found, { action: `../${LISTS}`, saved: true }))
      },
    })
}
