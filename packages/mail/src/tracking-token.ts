import { Buffer } from 'node:buffer'
import { MailError } from './mail-error.ts'
import { octetsToUuid, signToken, uuidToOctets, verifyToken, type TokenKey } from './token.ts'

/** Longest address of a link, in octets, that a token carries: its link stays below what mail programs and proxies take. */
export const MAX_TRACKED_URL_OCTETS = 2_000
/** Highest position of a link. */
export const MAX_LINK_INDEX = 0xffff

/** The message in whose content a token stands. */
export interface SentMessage {
  readonly tenantId: string
  readonly campaignId: string
  readonly messageId: string
  /** When its content was written. Seconds since 1970. */
  readonly sentAtSeconds: number
}

/** What a token says of its message. */
export interface TrackedMessage {
  readonly tenantId: string
  readonly messageId: string
  readonly sentAtSeconds: number
  /** The end of the campaign's id: binds links to the campaign that they were in, for a third of the characters. */
  readonly campaignTag: string
}

export interface TrackedLink {
  /** Position in the content, from 0. */
  readonly index: number
  /** Absolute, ASCII. Empty: the link that no person sees. */
  readonly url: string
}

/** Links of all messages of a campaign: made once. */
export type CampaignScope = Pick<SentMessage, 'tenantId' | 'campaignId'>
/** Links that one message alone has, since its recipient's data stands in them. */
export type MessageScope = Pick<SentMessage, 'tenantId' | 'messageId'>

const UUID_OCTETS = 16
const TAG_OCTETS = 4
const MESSAGE_OCTETS = 2 * UUID_OCTETS + TAG_OCTETS + 4
const INDEX_OCTETS = 2
const MESSAGE = { purpose: 'tracked message' } as const

/** The token of a message, 67 characters: with it alone an opening is told, and with a link's token a click. */
export function trackingToken(key: TokenKey, message: SentMessage): string {
  const payload = Buffer.alloc(MESSAGE_OCTETS)
  uuidToOctets(message.tenantId).copy(payload)
  uuidToOctets(message.messageId).copy(payload, UUID_OCTETS)
  payload.write(campaignTag(message.campaignId), 2 * UUID_OCTETS, 'hex')
  payload.writeUInt32BE(message.sentAtSeconds, 2 * UUID_OCTETS + TAG_OCTETS)
  return signToken(key, payload, MESSAGE)
}

/** Undefined for a token that was not made with this key. */
export function parseTrackingToken(key: TokenKey, token: string): TrackedMessage | undefined {
  const payload = verifyToken(key, token, MESSAGE)
  if (payload?.length !== MESSAGE_OCTETS) return undefined
  return {
    tenantId: octetsToUuid(payload.subarray(0, UUID_OCTETS)),
    messageId: octetsToUuid(payload.subarray(UUID_OCTETS, 2 * UUID_OCTETS)),
    campaignTag: payload.toString('hex', 2 * UUID_OCTETS, 2 * UUID_OCTETS + TAG_OCTETS),
    sentAtSeconds: payload.readUInt32BE(2 * UUID_OCTETS + TAG_OCTETS),
  }
}

/**
 * The token of a link: it holds the address itself, and is good only beside the token of a message of the same campaign,
 * or of the same message. Throws `MailError` when the address is too long, or the position too high.
 */
export function linkToken(key: TokenKey, scope: CampaignScope | MessageScope, link: TrackedLink): string {
  if (link.index > MAX_LINK_INDEX || Buffer.byteLength(link.url) > MAX_TRACKED_URL_OCTETS)
    throw new MailError('bad_link', `A tracked link has at most ${MAX_TRACKED_URL_OCTETS} octets.`)
  const payload = Buffer.alloc(INDEX_OCTETS + Buffer.byteLength(link.url))
  payload.writeUInt16BE(link.index)
  payload.write(link.url, INDEX_OCTETS)
  return 'messageId' in scope
    ? `m${signToken(key, payload, ofMessage(scope.tenantId, scope.messageId))}`
    : `c${signToken(key, payload, ofCampaign(scope.tenantId, campaignTag(scope.campaignId)))}`
}

/** Undefined unless this link was in this message. Never throws on a bad token. */
export function parseLinkToken(
  key: TokenKey,
  message: TrackedMessage,
  token: string,
): TrackedLink | undefined {
  const purpose =
    token[0] === 'm'
      ? ofMessage(message.tenantId, message.messageId)
      : ofCampaign(message.tenantId, message.campaignTag)
  if (token[0] !== 'm' && token[0] !== 'c') return undefined
  const payload = verifyToken(key, token.slice(1), purpose)
  if (payload === undefined || payload.length < INDEX_OCTETS) return undefined
  return { index: payload.readUInt16BE(), url: payload.toString('utf8', INDEX_OCTETS) }
}

function ofCampaign(tenantId: string, tag: string) {
  return { purpose: `link of campaign ${tag} of ${tenantId}` } as const
}

function ofMessage(tenantId: string, messageId: string) {
  return { purpose: `link of message ${messageId} of ${tenantId}` } as const
}

/** The last octets of a UUIDv7 are random. */
function campaignTag(campaignId: string): string {
  return uuidToOctets(campaignId).toString('hex', UUID_OCTETS - TAG_OCTETS)
}
