import { Type } from 'typebox'
import { actorOf } from '#audit/record-audit.ts'
import type { App } from '#http/app.ts'
import { NoContent, Nullable, Timestamp } from '#http/schemas.ts'
import type { Clock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { CountSchema } from '#queue/count.ts'
import { listProcesses } from './list-processes.ts'
import { resumeSending, stopSending } from './sending-switch.ts'

const tags = ['Operation']
const description = 'Belongs to the installation, not to your tenant. An owner may do this.'
const REASON = 'Stopped by an operator.'

const ProcessesSchema = Type.Object(
  {
    sending: Type.Object({
      stopped_at: Nullable(Timestamp),
      reason: Nullable(Type.String()),
      in_hand: CountSchema,
    }),
    roles: Type.Array(
      Type.Object({
        role: Type.String({ examples: ['dispatch'] }),
        sessions: Type.Integer({ description: 'Its open sessions in the database.' }),
        since: Timestamp,
      }),
    ),
    deliver: Type.Array(
      Type.Object({
        owner: Type.String({ examples: ['deliver-1'] }),
        shards: Type.Array(Type.Integer()),
        is_alive: Type.Boolean({ description: 'It has renewed its leases in time.' }),
        in_hand: CountSchema,
        active: Type.Integer({ description: 'Messages under way.' }),
        connections: Type.Integer({ description: 'Open connections to receivers.' }),
      }),
    ),
  },
  { $id: 'Processes' },
)

const DrainBody = Type.Object({
  reason: Type.Optional(Type.String({ minLength: 1, maxLength: 200, default: REASON })),
})

export function registerSystem(app: App, deps: { readonly db: Database; readonly clock: Clock }): void {
  app.route({
    method: 'GET',
    url: '/v1/system/processes',
    schema: {
      operationId: 'listProcesses',
      tags,
      summary: 'Which processes work, who owns which shards, and how much is in hand',
      description,
      response: { 200: ProcessesSchema },
    },
    config: { scope: 'operation:read' },
    handler: () => listProcesses(deps),
  })
  app.route({
    method: 'POST',
    url: '/v1/system/drain',
    schema: {
      operationId: 'drainSystem',
      tags,
      summary: 'Stop all sending: what is in hand ends, and nothing more begins until it is resumed',
      description,
      body: DrainBody,
      response: { 204: NoContent },
    },
    config: { scope: 'operation:write' },
    handler: async (request, reply) => {
      await stopSending(deps, actorOf(request), request.body.reason ?? REASON)
      return reply.code(204).send(null)
    },
  })
  app.route({
    method: 'POST',
    url: '/v1/system/resume',
    schema: {
      operationId: 'resumeSystem',
      tags,
      summary: 'Send again after a drain',
      description,
      response: { 204: NoContent },
    },
    config: { scope: 'operation:write' },
    handler: async (request, reply) => {
      await resumeSending(deps, actorOf(request))
      return reply.code(204).send(null)
    },
  })
}
