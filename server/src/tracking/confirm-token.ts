import type { KeyObject } from 'node:crypto'
import { octetsToUuid, signToken, uuidToOctets, verifyToken } from '@pigeon/mail/token.ts'
import type { MessageIds } from './unsubscribe-link.ts'

/** How long a second step may be taken after the first. */
export const CONFIRM_MS = 7 * 24 * 3_600_000

const UUID_OCTETS = 16
const TIME_OCTETS = 4

/** Names the lists that the recipient of this message wants again, until a time. */
export function confirmToken(key: KeyObject, ids: MessageIds, listIds: readonly string[], now: Date): string {
  const expires = Buffer.alloc(TIME_OCTETS)
  expires.writeUInt32BE(Math.floor((now.getTime() + CONFIRM_MS) / 1000))
  return signToken(key, Buffer.concat([expires, ...listIds.map(uuidToOctets)]), purposeOf(ids))
}

/** The lists; undefined when it is not ours, of another message, or too old. */
export function parseConfirmToken(
  key: KeyObject,
  ids: MessageIds,
  token: string,
  now: Date,
): string[] | undefined {
  const payload = verifyToken(key, token, purposeOf(ids))
  if (payload === undefined || payload.length < TIME_OCTETS) return undefined
  if (payload.readUInt32BE() * 1000 < now.getTime()) return undefined
  const lists = payload.subarray(TIME_OCTETS)
  return Array.from({ length: Math.floor(lists.length / UUID_OCTETS) }, (_, at) =>
    octetsToUuid(lists.subarray(at * UUID_OCTETS, (at + 1) * UUID_OCTETS)),
  )
}

function purposeOf({ tenantId, messageId }: MessageIds) {
  return { purpose: `confirm lists of message ${messageId} of ${tenantId}` } as const
}
