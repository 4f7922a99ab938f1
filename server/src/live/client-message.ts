import { Problem } from '#platform/problem.ts'

/** What a client may say. */
export type ClientMessage =
  | { readonly type: 'auth'; readonly token: string }
  | { readonly type: 'subscribe'; readonly topic: string; readonly lastEventId?: string }
  | { readonly type: 'unsubscribe'; readonly topic: string }
  | { readonly type: 'ping' }

/** Throws Problem('invalid') for anything else. */
export function parseClientMessage(text: string): ClientMessage {
  const message = parseObject(text)
  const { type, token, topic, last_event_id: lastEventId } = message
  if (type === 'ping') return { type }
  if (type === 'auth' && typeof token === 'string') return { type, token }
  if (type === 'unsubscribe' && typeof topic === 'string') return { type, topic }
  if (type === 'subscribe' && typeof topic === 'string') {
    if (lastEventId === undefined) return { type, topic }
    if (typeof lastEventId === 'string') return { type, topic, lastEventId }
  }
  throw new Problem(
    'invalid',
    'live.bad_message',
    'Send {"type":"auth","token":...}, {"type":"subscribe","topic":...,"last_event_id":...}, {"type":"unsubscribe","topic":...} or {"type":"ping"}.',
  )
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return { ...value }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  return {}
}
