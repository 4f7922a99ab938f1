import { Type } from 'typebox'
import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { IdParams, NoContent, Nullable, problems, Timestamp } from '#http/schemas.ts'
import { getRelayWebhook, setRelayWebhook, type RelayWebhookDeps } from './manage-relay-webhook.ts'
import { receiveRelayWebhook, type ReceiveDeps } from './receive-relay-webhook.ts'

export type RelayWebhookRouteDeps = RelayWebhookDeps & ReceiveDeps

const tags = ['Relay webhooks']
const description = 'Belongs to the installation, not to your tenant. An owner may do this.'
/** SendGrid puts up to 768 KB of events into a request. */
const MAX_BODY_BYTES = 1024 * 1024
const MAX_VERIFICATION_CHARS = 1_000

const RelayWebhookSchema = Type.Object(
  {
    url: Type.String({ description: 'For the settings of the relay. Keep it secret.' }),
    kind: Type.Enum(['ses', 'sendgrid', 'mailgun', 'postmark']),
    has_verification: Type.Boolean(),
    wanted: Type.String({ description: 'What `verification` is for this kind of relay.' }),
    last_received_at: Nullable(Timestamp),
  },
  { $id: 'RelayWebhook' },
)

const RelayWebhookBody = Type.Object({
  verification: Nullable(
    Type.String({
      maxLength: MAX_VERIFICATION_CHARS,
      description: 'What its webhooks are known by: kept encrypted, never shown.',
    }),
  ),
})

export function registerRelayWebhooks(app: App, deps: RelayWebhookRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/sources/:id/webhook',
    schema: {
      operationId: 'getRelayWebhook',
      tags,
      summary: 'Where the relay of a source is to tell of bounces and complaints',
      description,
      params: IdParams,
      response: { 200: RelayWebhookSchema, ...problems(404, 409) },
    },
    config: { scope: 'sources:write' },
    handler: (request) => getRelayWebhook(deps, request.params.id),
  })
  app.route({
    method: 'PUT',
    url: '/v1/sources/:id/webhook',
    schema: {
      operationId: 'setRelayWebhook',
      tags,
      summary: 'Say what the webhooks of a relay are known by',
      description,
      params: IdParams,
      body: RelayWebhookBody,
      response: { 200: RelayWebhookSchema, ...problems(404, 409) },
    },
    config: { scope: 'sources:write' },
    handler: (request) =>
      setRelayWebhook(deps, actorOf(request), request.params.id, request.body.verification),
  })
  app.register(async (scope: App) => {
    // Signatures are of the octets, and SNS says that its JSON is text/plain.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      '*',
      { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
      (_request, body, done) => {
        done(null, String(body))
      },
    )
    scope.route({
      method: 'POST',
      url: '/v1/relay-webhooks/:token',
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        operationId: 'receiveRelayWebhook',
        tags,
        summary:
          'For relays: bounces and complaints of mail that left through them, in their own words and signed',
        params: Type.Object({ token: Type.String() }),
        response: { 204: NoContent, ...problems(403, 404, 413, 503) },
      },
      config: { public: true },
      handler: async (request, reply) => {
        const body = typeof request.body === 'string' ? request.body : ''
        await receiveRelayWebhook(deps, request.params.token, { headers: request.headers, body })
        return reply.code(204).send(null)
      },
    })
  })
}
