import { Type } from 'typebox'
import type { App } from '#http/app.ts'
import { Nullable, problems, Timestamp } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import {
  changeTrackingSettings,
  getTrackingSettings,
  verifyTrackingHost,
  type TrackingSettingsDeps,
} from './tracking-settings.ts'

const tags = ['Tenant']
const Choices = {
  opens: Type.Boolean({ description: 'Of bulk campaigns that do not say otherwise.' }),
  clicks: Type.Boolean({ description: 'The same for links.' }),
  privacy: Type.Boolean({ description: 'Nobody is tracked, whatever a campaign says.' }),
}

export const TrackingBody = Type.Object({
  ...Choices,
  host: Nullable(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description: "Host of tracked links, reached by https. Null: the installation's.",
      examples: ['links.example.com'],
    }),
  ),
})

export const TrackingSchema = Type.Object(
  {
    ...Choices,
    host: Nullable(Type.String()),
    host_verified_at: Nullable(Timestamp),
    cname: Type.String({ description: 'What the CNAME record of the host must say.' }),
  },
  { $id: 'TenantTracking' },
)

export function registerTrackingSettings(app: App, deps: TrackingSettingsDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/tenant/tracking',
    schema: {
      operationId: 'getTenantTracking',
      tags,
      summary: 'Read what is tracked',
      response: { 200: TrackingSchema },
    },
    config: { scope: 'tenant:read' },
    handler: (request) => getTrackingSettings(deps, who(request).tenantId),
  })
  app.route({
    method: 'PUT',
    url: '/v1/tenant/tracking',
    schema: {
      operationId: 'updateTenantTracking',
      tags,
      summary: 'Say what is tracked, and which host links have',
      body: TrackingBody,
      response: { 200: TrackingSchema },
    },
    config: { scope: 'tenant:write' },
    handler: (request) => changeTrackingSettings(deps, who(request).tenantId, request.body),
  })
  app.route({
    method: 'POST',
    url: '/v1/tenant/tracking/verify',
    schema: {
      operationId: 'verifyTenantTracking',
      tags,
      summary: 'Look up now whether the host of links leads here',
      response: { 200: TrackingSchema, ...problems(409, 503) },
    },
    config: { scope: 'tenant:write' },
    handler: (request) => verifyTrackingHost(deps, who(request).tenantId),
  })
}
