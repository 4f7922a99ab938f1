import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { asTenant } from '#platform/postgres/database.ts'
import { tenantTimeZone } from '#tenants/tenant-time-zone.ts'
import { campaignMetrics } from './campaign-metrics.ts'
import { campaignReport } from './campaign-report.ts'
import {
  CampaignBody,
  CampaignListQuery,
  CampaignMetricsSchema,
  CampaignReportSchema,
  CampaignSchema,
  RecipientQuery,
  RecipientSchema,
  ScheduleBody,
} from './campaigns.schema.ts'
import { findCampaign, listCampaigns, listRecipients } from './campaigns.store.ts'
import {
  cancelCampaign,
  pauseCampaign,
  removeCampaign,
  resumeCampaign,
  scheduleCampaign,
} from './control-campaign.ts'
import { campaignNotFound, startCampaign, type CampaignDeps } from './start-campaign.ts'
import { createCampaign, editCampaign } from './write-campaign.ts'

export interface CampaignRouteDeps extends CampaignDeps {
  readonly analytics: Analytics
}

const read = { scope: 'campaigns:read' } as const
const write = { scope: 'campaigns:write' } as const
const tags = ['Campaigns']

export function registerCampaigns(app: App, deps: CampaignRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/campaigns',
    schema: {
      operationId: 'listCampaigns',
      tags,
      summary: 'List campaigns, newest first',
      querystring: CampaignListQuery,
      response: { 200: Page(CampaignSchema) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query), status: query.status ?? null }
      return toPage(
        await asTenant(deps.db, who(request).tenantId, (transaction) => listCampaigns(transaction, page)),
        query,
      )
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/campaigns',
    schema: {
      operationId: 'createCampaign',
      tags,
      summary: 'Create a draft',
      body: CampaignBody,
      response: { 201: CampaignSchema, ...problems(409) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) =>
      idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await createCampaign(deps, transaction, who(request).tenantId, request.body),
      })),
  })
  app.route({
    method: 'GET',
    url: '/v1/campaigns/:id',
    schema: {
      operationId: 'getCampaign',
      tags,
      summary: 'Read a campaign',
      params: IdParams,
      response: { 200: CampaignSchema, ...problems(404) },
    },
    config: read,
    handler: async (request) => {
      const found = await asTenant(deps.db, who(request).tenantId, (transaction) =>
        findCampaign(transaction, request.params.id),
      )
      if (found === undefined) throw campaignNotFound()
      return found
    },
  })
  app.route({
    method: 'PUT',
    url: '/v1/campaigns/:id',
    schema: {
      operationId: 'updateCampaign',
      tags,
      summary: 'Replace the content of a draft or a scheduled campaign',
      params: IdParams,
      body: CampaignBody,
      response: { 200: CampaignSchema, ...problems(404, 409) },
    },
    config: write,
    handler: (request) => editCampaign(deps, who(request).tenantId, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/campaigns/:id',
    schema: {
      operationId: 'deleteCampaign',
      tags,
      summary: 'Delete a campaign that has sent nothing',
      params: IdParams,
      response: { 204: NoContent, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      await removeCampaign(deps, who(request).tenantId, request.params.id)
      return reply.code(204).send(null)
    },
  })
  registerActions(app, deps)
  registerReports(app, deps)
}

function registerActions(app: App, deps: CampaignRouteDeps): void {
  const actions = {
    send: { run: startCampaign, summary: 'Send now' },
    pause: { run: pauseCampaign, summary: 'Pause: nothing more leaves' },
    resume: { run: resumeCampaign, summary: 'Go on after a pause' },
    cancel: { run: cancelCampaign, summary: 'Cancel for good: what was not sent never will be' },
  }
  for (const [name, action] of Object.entries(actions)) {
    app.route({
      method: 'POST',
      url: `/v1/campaigns/:id/${name}`,
      schema: {
        operationId: `${name}Campaign`,
        tags,
        summary: action.summary,
        params: IdParams,
        response: { 200: CampaignSchema, ...problems(404, 409) },
      },
      config: write,
      handler: (request) => action.run(deps, who(request).tenantId, request.params.id),
    })
  }
  app.route({
    method: 'POST',
    url: '/v1/campaigns/:id/schedule',
    schema: {
      operationId: 'scheduleCampaign',
      tags,
      summary: "Schedule at a wall-clock time of the tenant's time zone, or move the schedule",
      params: IdParams,
      body: ScheduleBody,
      response: { 200: CampaignSchema, ...problems(404, 409) },
    },
    config: write,
    handler: async (request) => {
      const { tenantId } = who(request)
      return scheduleCampaign(
        deps,
        tenantId,
        request.params.id,
        request.body,
        await tenantTimeZone(deps, tenantId),
      )
    },
  })
}

function registerReports(app: App, deps: CampaignRouteDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/campaigns/:id/metrics',
    schema: {
      operationId: 'getCampaignMetrics',
      tags,
      summary: 'Exact counts by state and provider, and the ledger',
      params: IdParams,
      response: { 200: CampaignMetricsSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => campaignMetrics(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/v1/campaigns/:id/report',
    schema: {
      operationId: 'getCampaignReport',
      tags,
      summary: 'The metrics, the rate over time and the reasons with real replies',
      params: IdParams,
      response: { 200: CampaignReportSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => campaignReport(deps, who(request).tenantId, request.params.id),
  })
  app.route({
    method: 'GET',
    url: '/v1/campaigns/:id/recipients',
    schema: {
      operationId: 'listCampaignRecipients',
      tags,
      summary: 'Who got what',
      params: IdParams,
      querystring: RecipientQuery,
      response: { 200: Page(RecipientSchema), ...problems(404) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const page = { after: afterId(query), rows: rowsToRead(query), state: query.state ?? null }
      const rows = await asTenant(deps.db, who(request).tenantId, async (transaction) => {
        if ((await findCampaign(transaction, request.params.id)) === undefined) throw campaignNotFound()
        return listRecipients(transaction, request.params.id, page)
      })
      return toPage(
        rows.map(({ id, ...row }) => ({ message_id: id, ...row })),
        query,
        (row) => [row.contact_id ?? ''],
      )
    },
  })
}
