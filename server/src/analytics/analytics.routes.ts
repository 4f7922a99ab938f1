import type { App } from '#http/app.ts'
import { problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import {
  CampaignsQuery,
  CampaignsSchema,
  DeliverabilityQuery,
  DeliverabilitySchema,
  EngagementQuery,
  EngagementSchema,
  GeographicQuery,
  GeographicSchema,
  OverviewQuery,
  OverviewSchema,
} from './analytics.schema.ts'
import type { AnalyticsDeps } from './ask-analytics.ts'
import { engagement, geographic } from './audience.ts'
import { campaignTotals } from './campaign-totals.ts'
import { deliverability } from './deliverability.ts'
import { overview } from './overview.ts'

const tags = ['Analytics']
const config = { scope: 'analytics:read' } as const

export function registerAnalytics(app: App, deps: AnalyticsDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/analytics/overview',
    schema: {
      operationId: 'getAnalyticsOverview',
      tags,
      summary: 'What became of your mail: in all, over time, and beside the time before',
      querystring: OverviewQuery,
      response: { 200: OverviewSchema, ...problems(503) },
    },
    config,
    handler: (request) => overview(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/analytics/campaigns',
    schema: {
      operationId: 'getAnalyticsCampaigns',
      tags,
      summary: 'The same by campaign, newest first',
      querystring: CampaignsQuery,
      response: { 200: CampaignsSchema, ...problems(503) },
    },
    config,
    handler: (request) => campaignTotals(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/analytics/deliverability',
    schema: {
      operationId: 'getAnalyticsDeliverability',
      tags,
      summary:
        'How mail gets through, by provider, source, domain or day: with bounce classes and the time it takes',
      querystring: DeliverabilityQuery,
      response: { 200: DeliverabilitySchema, ...problems(503) },
    },
    config,
    handler: (request) => deliverability(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/analytics/geographic',
    schema: {
      operationId: 'getAnalyticsGeographic',
      tags,
      summary: 'From where and with what people read',
      querystring: GeographicQuery,
      response: { 200: GeographicSchema, ...problems(503) },
    },
    config,
    handler: (request) => geographic(deps, who(request).tenantId, request.query),
  })
  app.route({
    method: 'GET',
    url: '/v1/analytics/engagement',
    schema: {
      operationId: 'getAnalyticsEngagement',
      tags,
      summary: 'When people open and click: each hour of the week',
      querystring: EngagementQuery,
      response: { 200: EngagementSchema, ...problems(503) },
    },
    config,
    handler: (request) => engagement(deps, who(request).tenantId, request.query),
  })
}
