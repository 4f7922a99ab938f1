import { parseAddress } from '@pigeon/mail/address.ts'
import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant } from '#platform/postgres/database.ts'
import type { Database } from '#platform/postgres/database.ts'
import {
  ContactBody,
  ContactQuery,
  ContactSchema,
  ContactsStored,
  ContactWithListsSchema,
  ListContactQuery,
  ListContactsBody,
  ListContactSchema,
} from './contacts.schema.ts'
import { selectContacts, selectListContacts } from './contacts.store.ts'
import { editContact, getContact, removeContact } from './edit-contact.ts'
import { listExists } from './imports.store.ts'
import { listNotFound } from './list.ts'
import { upsertListContacts } from './upsert-contacts.ts'

const tags = ['Contacts']
const read = { scope: 'contacts:read' } as const
const write = { scope: 'contacts:write' } as const

export interface ContactRouteDeps {
  readonly db: Database
  readonly clock: Clock
}

export function registerContacts(app: App, deps: ContactRouteDeps): void {
  registerListContacts(app, deps)
  app.route({
    method: 'GET',
    url: '/v1/contacts',
    schema: {
      operationId: 'listContacts',
      tags,
      summary: 'All contacts, newest first, or the one with an address',
      querystring: ContactQuery,
      response: { 200: Page(ContactSchema) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const page = {
        after: afterId(query),
        rows: rowsToRead(query),
        key: query.email === undefined ? null : keyOf(query.email),
      }
      return toPage(await asTenant(deps.db, who(request).tenantId, (t) => selectContacts(t, page)), query)
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/contacts/:id',
    schema: {
      operationId: 'getContact',
      tags,
      summary: 'A contact and the lists it is on',
      params: IdParams,
      response: { 200: ContactWithListsSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => getContact(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/v1/contacts/:id',
    schema: {
      operationId: 'updateContact',
      tags,
      summary: 'Replace address, names and attributes',
      params: IdParams,
      body: ContactBody,
      response: { 200: ContactWithListsSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => editContact(deps, who(request).tenantId, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/contacts/:id',
    schema: {
      operationId: 'deleteContact',
      tags,
      summary: 'Delete a contact; suppressions of its address stay',
      params: IdParams,
      response: { 204: NoContent, ...problems(404) },
    },
    config: write,
    handler: async (request, reply) => {
      await removeContact(deps, who(request).tenantId, request.params.id)
      return reply.code(204).send(null)
    },
  })
}

function registerListContacts(app: App, deps: ContactRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/lists/:id/contacts',
    schema: {
      operationId: 'listListContacts',
      tags,
      summary: 'The contacts of a list',
      params: IdParams,
      querystring: ListContactQuery,
      response: { 200: Page(ListContactSchema), ...problems(404) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const { id } = request.params
      const page = { after: afterId(query), rows: rowsToRead(query), status: query.status ?? null }
      const rows = await asTenant(deps.db, who(request).tenantId, async (transaction) => {
        if (!(await listExists(transaction, id))) throw listNotFound()
        return selectListContacts(transaction, id, page)
      })
      return toPage(rows, query)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/lists/:id/contacts',
    schema: {
      operationId: 'addListContacts',
      tags,
      summary: 'Store contacts and subscribe them to a list',
      description: 'All or nothing. Who unsubscribed from the list stays unsubscribed.',
      params: IdParams,
      body: ListContactsBody,
      response: { 201: ContactsStored, ...problems(404, 409) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => {
        const place = { tenantId: who(request).tenantId, listId: request.params.id, now: deps.clock.now() }
        return { status: 201, body: await upsertListContacts(transaction, place, request.body) }
      }),
  })
}

/** What is not an address finds nobody. */
function keyOf(email: string): string {
  const address = parseAddress(email)
  return address.ok ? address.key : email.toLowerCase()
}
