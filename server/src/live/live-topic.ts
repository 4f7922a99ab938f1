import type { Scope } from '#http/scopes.ts'
import { isUuid } from '#platform/ids.ts'

/** What a connection can listen to. `messageId` null: every message of the tenant. */
export type LiveTopic =
  | { readonly kind: 'campaign'; readonly id: string }
  | { readonly kind: 'messages'; readonly messageId: string | null }
  | { readonly kind: 'lanes' }

/** Reads `campaign:ID`, `messages`, `messages:ID` or `lanes`; undefined for anything else. */
export function parseTopic(text: string): LiveTopic | undefined {
  if (text === 'lanes') return { kind: 'lanes' }
  if (text === 'messages') return { kind: 'messages', messageId: null }
  const [kind, id = '', ...more] = text.split(':')
  if (more.length > 0 || !isUuid(id)) return undefined
  if (kind === 'campaign') return { kind, id }
  return kind === 'messages' ? { kind, messageId: id } : undefined
}

/** Lanes belong to the installation: whoever may list them may watch them. */
const SCOPES = {
  campaign: 'campaigns:read',
  messages: 'messages:read',
  lanes: 'operation:read',
} as const satisfies Record<LiveTopic['kind'], Scope>

export function scopeOfTopic(topic: LiveTopic): Scope {
  return SCOPES[topic.kind]
}
