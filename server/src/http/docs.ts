import { readFile } from 'node:fs/promises'
import swaggerUi from '@fastify/swagger-ui'
import { Type } from 'typebox'
import type { App } from './app.ts'

/** An envelope in the colour of the platform. */
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2456c7"/><path d="M7 11h18v11H7zl9 7 9-7" fill="none" stroke="#fff" stroke-width="2.2" stroke-linejoin="round"/></svg>'

/** Swagger UI has a dark look, but its switch goes with the bar that we leave out: it follows the system. */
const FOLLOW_SYSTEM = `
const dark = window.matchMedia('(prefers-color-scheme: dark)')
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', follow)
follow()
`

/** The page of the plugin lacks it: a phone would draw the page for a desktop and shrink it. */
const VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'

/** Nothing from elsewhere, and requests to this server only. Swagger UI writes some style attributes. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** `/v1/openapi.json` and a page to read it. All files come from this process: nothing is fetched from elsewhere. */
export async function registerDocs(app: App): Promise<void> {
  const css = await readFile(new URL('./docs.css', import.meta.url), 'utf8')
  await app.register(async (scope: App) => {
    scope.addHook('onSend', async (_request, reply, payload) =>
      typeof payload === 'string' && String(reply.getHeader('content-type')).startsWith('text/html')
        ? payload.replace('<head>', `<head>${VIEWPORT}`)
        : payload,
    )
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: POLICY,
      theme: {
        title: 'Pigeon API',
        css: [{ filename: 'pigeon.css', content: css }],
        js: [{ filename: 'pigeon.js', content: FOLLOW_SYSTEM }],
        favicon: [{ filename: 'icon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: ICON }],
      },
      uiConfig: {
        layout: 'BaseLayout',
        // Drawn open, far more than a hundred operations keep a slow machine busy for half a minute.
        docExpansion: 'none',
        deepLinking: true,
        defaultModelRendering: 'model',
        defaultModelExpandDepth: 4,
        defaultModelsExpandDepth: 0,
        displayRequestDuration: true,
        validatorUrl: null,
      },
    })
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
