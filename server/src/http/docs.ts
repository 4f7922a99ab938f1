import swaggerUi from '@fastify/swagger-ui'
import { Type } from 'typebox'
import type { App } from './app.ts'

/** `/v1/openapi.json` and a page to read it. All files come from this process: nothing is fetched from elsewhere. */
export async function registerDocs(app: App): Promise<void> {
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { docExpansion: 'list', deepLinking: true, validatorUrl: null },
  })
  app.route({
    method: 'GET',
    url: '/v1/openapi.json',
    schema: {
      operationId: 'getOpenApi',
      tags: ['Operation'],
      summary: 'This document',
      response: { 200: Type.Record(Type.String(), Type.Unknown()) },
    },
    config: { public: true },
    handler: async (_request, reply) =>
      reply
        .type('application/json')
        .serializer(JSON.stringify)
        .send({ ...app.swagger() }),
  })
}
