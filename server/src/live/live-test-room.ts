import { WebSocket } from 'ws'
import { closeApp, listen } from '#http/listen.ts'
import { ANALYTICS_EVENTS, type HistoryEvent } from '#events/email-events.ts'
import { systemClock, type Clock } from '#platform/clock.ts'
import type { Stream } from '#platform/stream/stream.ts'
import type { TestScope } from '@pigeon/server/test/database.ts'
import { silentLog, testStream } from '@pigeon/server/test/factories.ts'
import { testApi } from '@pigeon/server/test/test-api.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { registerLive } from './live.routes.ts'

/** What tests read of any message. */
export interface Frame {
  readonly type: string
  readonly topic?: string
  readonly id?: string
  readonly resumed?: boolean
  readonly code?: string
  readonly event?: string
  readonly data?: Readonly<Record<string, unknown>>
}

/** `/v1/stream` on a port of 127.0.0.1, with its clock apart from that of credentials. */
export async function liveRoom(scope: TestScope, options: { clock?: Clock } = {}) {
  const ready = Promise.withResolvers<Stream>()
  const api = await testApi({
    register: (app, deps) =>
      registerLive(app, {
        ...deps,
        clock: options.clock ?? systemClock,
        log: silentLog,
        stream: {
          ends: async (topic) => (await ready.promise).ends(topic),
          read: async (topic, group, how) => (await ready.promise).read(topic, group, how),
          wait: async (topic, ms, signal) => (await ready.promise).wait(topic, ms, signal),
        },
      }),
  })
  const stream = await testStream(scope, api.database)
  ready.resolve(stream)
  const url = await listen(api.app, { host: '127.0.0.1', port: 0 })
  scope.after(async () => closeApp(api.app, 1_000))
  return {
    ...api,
    stream,
    url,
    append: async (events: readonly HistoryEvent[], partition = 0) =>
      stream.append(ANALYTICS_EVENTS, [{ partition, key: 'test', payload: { events } }]),
    connect: (token?: string) => connectLive(scope, url, token),
  }
}

/** A client: what it was told, and how it ended. `token` goes into the header. */
export async function connectLive(scope: TestScope, url: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream`, { headers })
  scope.after(async () => socket.terminate())
  const frames: Frame[] = []
  const ended: { code: number; words: string }[] = []
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString())))
  socket.on('close', (code, words) => ended.push({ code, words: words.toString() }))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const say = (message: object | string): void =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  return {
    socket,
    frames,
    say,
    listenTo: (topic: string, lastId?: string): void =>
      say({ type: 'subscribe', topic, ...(lastId === undefined ? {} : { last_event_id: lastId }) }),
    /** The first message of this kind, or the one after `skip` of them. */
    frame: (type: string, skip = 0): Promise<Frame> =>
      waitFor(`a message ${type}`, () => frames.filter((frame) => frame.type === type)[skip]),
    end: () => waitFor('the end of the connection', () => ended[0]),
  }
}
