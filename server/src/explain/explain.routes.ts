import type { App } from '#http/app.ts'
import { IdParams, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Identity } from '#http/who.ts'
import { explainAddress, type Asker } from './explain-address.ts'
import { ExplainBody, ExplanationSchema } from './explain.schema.ts'
import { rehearseCampaign, type RehearseDeps } from './rehearse-campaign.ts'
import { RehearsalSchema, RehearseBody } from './rehearsal.schema.ts'
import { traceMessage, type TraceDeps } from './trace-message.ts'
import { TraceSchema } from './trace.schema.ts'

export interface ExplainRouteDeps extends Omit<TraceDeps, 'delivery'>, RehearseDeps {
  readonly installationMode: 'sandbox' | 'live'
}

export function registerExplain(app: App, deps: ExplainRouteDeps): void {
  app.route({
    method: 'POST',
    url: '/v1/explain',
    schema: {
      operationId: 'explainAddress',
      tags: ['Explain'],
      summary: 'What would happen to a message to this address: a dry run, nothing is sent',
      body: ExplainBody,
      response: { 200: ExplanationSchema, ...problems(404) },
    },
    config: { scope: 'send' },
    handler: (request) => explainAddress(deps, askerOf(deps, who(request)), request.body),
  })
  app.route({
    method: 'GET',
    url: '/v1/messages/:id/trace',
    schema: {
      operationId: 'traceMessage',
      tags: ['Explain'],
      summary: 'What became of a message and why, what was said at each attempt, and what to do',
      params: IdParams,
      response: { 200: TraceSchema, ...problems(404) },
    },
    config: { scope: 'messages:read' },
    handler: (request) => traceMessage(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'POST',
    url: '/v1/campaigns/:id/rehearse',
    schema: {
      operationId: 'rehearseCampaign',
      tags: ['Explain'],
      summary: 'What would become of a campaign: how long it takes, and what bounces. Nothing is sent',
      params: IdParams,
      body: RehearseBody,
      response: { 200: RehearsalSchema, ...problems(404, 409, 429, 503) },
    },
    config: { scope: 'campaigns:read' },
    handler: (request) =>
      rehearseCampaign(deps, askerOf(deps, who(request)), request.params.id, request.body.as),
  })
}

/** The sandbox of the installation outranks everybody's `live`. */
function askerOf(deps: ExplainRouteDeps, { tenantId, mode }: Identity): Asker {
  return { tenantId, mode: deps.installationMode === 'live' ? mode : 'sandbox' }
}
