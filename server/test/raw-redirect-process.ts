import { fastify } from 'fastify'
import type { AddressInfo } from 'node:net'

/** A redirect and nothing else: what the framework can do at best. */
const app = fastify({ logger: false })
app.get('/c/:message/*', async (_request, reply) => reply.redirect('https://shop.example/', 302))
await app.listen({ host: '127.0.0.1', port: 0 })
// A TCP server has an address of this type.
const { port } = app.server.address() as AddressInfo
process.send?.({ port })
