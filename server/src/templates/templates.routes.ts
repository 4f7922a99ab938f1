import type { App } from '#http/app.ts'
import { idempotent } from '#http/idempotency.ts'
import { afterId, decodeCursor, rowsToRead, toPage } from '#http/paging.ts'
import { IdParams, NoContent, Page, PageQuery, problems } from '#http/schemas.ts'
import { who } from '#http/who.ts'
import {
  PreviewBody,
  PreviewSchema,
  TemplateBody,
  TemplateQuery,
  TemplateSchema,
  TemplateSummarySchema,
  VersionSchema,
} from './templates.schema.ts'
import {
  compileInput,
  createTemplate,
  getTemplate,
  previewTemplate,
  readTemplates,
  readVersions,
  removeTemplate,
  updateTemplate,
  type TemplateDeps,
} from './write-template.ts'

const tags = ['Templates']
const read = { scope: 'templates:read' } as const
const write = { scope: 'templates:write' } as const

export function registerTemplates(app: App, deps: TemplateDeps): void {
  app.route({
    method: 'GET',
    url: '/v1/templates',
    schema: {
      operationId: 'listTemplates',
      tags,
      summary: 'List templates, newest first',
      querystring: PageQuery,
      response: { 200: Page(TemplateSummarySchema) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      return toPage(
        await readTemplates(deps, who(request).tenantId, { after: afterId(query), rows: rowsToRead(query) }),
        query,
      )
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/templates',
    schema: {
      operationId: 'createTemplate',
      tags,
      summary: 'Create a template: Liquid in HTML or MJML',
      body: TemplateBody,
      response: { 201: TemplateSchema, ...problems(409, 413, 503) },
    },
    config: { ...write, idempotent: true },
    handler: async (request, reply) => {
      const compiled = await compileInput(deps, request.body)
      return idempotent(deps, request, reply, async (transaction) => ({
        status: 201,
        body: await createTemplate(deps, transaction, who(request).tenantId, request.body, compiled),
      }))
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/templates/:id',
    schema: {
      operationId: 'getTemplate',
      tags,
      summary: 'Read a template, or one of its versions',
      params: IdParams,
      querystring: TemplateQuery,
      response: { 200: TemplateSchema, ...problems(404) },
    },
    config: read,
    handler: (request) =>
      getTemplate(deps, who(request).tenantId, request.params.id, request.query.version ?? null),
  })
  app.route({
    method: 'PUT',
    url: '/v1/templates/:id',
    schema: {
      operationId: 'updateTemplate',
      tags,
      summary: 'Save a new version',
      params: IdParams,
      body: TemplateBody,
      response: { 200: TemplateSchema, ...problems(404, 413, 503) },
    },
    config: write,
    handler: (request) => updateTemplate(deps, who(request).tenantId, request.params.id, request.body),
  })
  app.route({
    method: 'DELETE',
    url: '/v1/templates/:id',
    schema: {
      operationId: 'deleteTemplate',
      tags,
      summary: 'Delete a template that no scheduled or running campaign uses',
      params: IdParams,
      response: { 204: NoContent, ...problems(404, 409) },
    },
    config: write,
    handler: async (request, reply) => {
      await removeTemplate(deps, who(request).tenantId, request.params.id)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/templates/:id/versions',
    schema: {
      operationId: 'listTemplateVersions',
      tags,
      summary: 'Versions of a template, newest first',
      params: IdParams,
      querystring: PageQuery,
      response: { 200: Page(VersionSchema), ...problems(404) },
    },
    config: read,
    handler: async (request) => {
      const { query } = request
      const before = query.cursor === undefined ? null : Number(decodeCursor(query.cursor, 1)[0])
      const rows = await readVersions(deps, who(request).tenantId, request.params.id, {
        before,
        rows: rowsToRead(query),
      })
      return toPage(rows, query, (row) => [String(row.version)])
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/templates/:id/preview',
    schema: {
      operationId: 'previewTemplate',
      tags,
      summary: 'Render with sample data; an undefined variable is an error',
      params: IdParams,
      body: PreviewBody,
      response: { 200: PreviewSchema, ...problems(404) },
    },
    config: read,
    handler: (request) => previewTemplate(deps, who(request).tenantId, request.params.id, request.body),
  })
}
