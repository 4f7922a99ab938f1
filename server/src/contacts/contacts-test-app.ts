import type { TestContext } from 'node:test'
import { createApp } from '#http/app.ts'
import { uuidv7 } from '#platform/ids.ts'
import { createLog } from '#platform/log.ts'
import { registerSuppressions } from '#suppressions/suppressions.routes.ts'
import { registerContacts } from './contacts.routes.ts'
import { room } from './import-test-room.ts'
import { registerImports } from './imports.routes.ts'
import { registerLists } from './lists.routes.ts'

/** The routes of the audience, called by whoever the header `x-tenant` names. */
export async function contactsApp(t: TestContext) {
  const place = await room(t)
  const { deps, tenantId } = place
  const app = await createApp({
    log: createLog({ level: 'silent', role: 'test' }),
    clock: deps.clock,
    authenticate: async (request) => ({
      tenantId: String(request.headers['x-tenant'] ?? tenantId),
      userId: uuidv7(),
      role: 'owner',
      scopes: 'all',
      mode: 'sandbox',
    }),
  })
  registerLists(app, deps)
  registerContacts(app, deps)
  registerImports(app, deps)
  registerSuppressions(app, deps)
  await app.ready()
  t.after(async () => app.close())
  const call = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    headers: Record<string, string> = {},
  ) => {
    const reply = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) })
    const isJson = String(reply.headers['content-type']).includes('json')
    return {
      status: reply.statusCode,
      body: isJson ? reply.json<Answer>() : { text: reply.body },
      headers: reply.headers,
      text: reply.body,
    }
  }
  const upload = async (
    listId: string,
    file: string | Buffer,
    fields: Record<string, string> = {},
    headers: Record<string, string> = {},
  ) => {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob([new Uint8Array(Buffer.from(file))], { type: 'text/csv' }), 'people.csv')
    const encoded = new Response(form)
    const reply = await app.inject({
      method: 'POST',
      url: `/v1/lists/${listId}/import`,
      headers: { ...headers, 'content-type': encoded.headers.get('content-type') ?? '' },
      payload: Buffer.from(await encoded.arrayBuffer()),
    })
    return { status: reply.statusCode, body: reply.json<Answer>() }
  }
  return { ...place, app, call, upload }
}

/** What tests read of any answer. */
export interface Answer {
  readonly [name: string]: unknown
  readonly id?: string
  readonly code?: string
  readonly data?: readonly Answer[]
  readonly errors?: readonly { readonly field: string; readonly code: string }[]
  readonly next_cursor?: string | null
  readonly has_more?: boolean
}
