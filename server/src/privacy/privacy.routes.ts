import { Type } from 'typebox'
import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { IdParams, problems } from '#http/schemas.ts'
import { requireScope, who } from '#http/who.ts'
import type { FastifyRequest } from 'fastify'
import { exportAddress, exportContact, type ExportDeps } from './export-person.ts'

export type PrivacyRouteDeps = ExportDeps

const tags = ['Privacy']
const config = { scope: 'contacts:read' } as const
const description =
  'A zip of JSON files: contacts, subscriptions, suppressions, bounce_strikes, messages, events and attempts with their transcripts. Needs `messages:read` and `suppressions:read` as well.'
const produces = ['application/zip']
const Archive = Type.Unsafe<Buffer>({ type: 'string', format: 'binary' })
const AddressBody = Type.Object(
  { email: Type.String({ minLength: 3, maxLength: 320, examples: ['ada@example.com'] }) },
  { $id: 'PersonAddress' },
)

export function registerPrivacy(app: App, deps: PrivacyRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/contacts/:id/export',
    schema: {
      operationId: 'exportContact',
      tags,
      summary: 'Everything about the person behind a contact',
      description,
      produces,
      params: IdParams,
      response: { 200: Archive, ...problems(404, 413) },
    },
    config,
    handler: async (request, reply) => {
      requireAll(request)
      const archive = await exportContact(deps, actorOf(request), request.params.id)
      return reply.type('application/zip').header('content-disposition', DISPOSITION).send(archive)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/privacy/export',
    schema: {
      operationId: 'exportPerson',
      tags,
      summary: 'Everything about an address',
      description,
      produces,
      body: AddressBody,
      response: { 200: Archive, ...problems(413) },
    },
    config,
    handler: async (request, reply) => {
      requireAll(request)
      const archive = await exportAddress(deps, actorOf(request), request.body.email)
      return reply.type('application/zip').header('content-disposition', DISPOSITION).send(archive)
    },
  })
}

const DISPOSITION = 'attachment; filename="person.zip"'

/** The archive shows what stands behind other scopes, too. */
function requireAll(request: FastifyRequest): void {
  for (const scope of ['messages:read', 'suppressions:read'] as const) requireScope(who(request), scope)
}
