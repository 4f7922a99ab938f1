import { decodeHTMLAttribute } from 'entities'
import { randomBytes, type KeyObject } from 'node:crypto'
import {
  linkToken,
  MAX_LINK_INDEX,
  MAX_TRACKED_URL_OCTETS,
  trackingToken,
} from '@pigeon/mail/tracking-token.ts'
import type { Keys } from '#platform/keys/keys.ts'
import { findLinks, type FoundLink } from './find-links.ts'
import { trackingKey } from './tracking-key.ts'

/** What is tracked in the messages of a campaign. */
export interface TrackingChoice {
  readonly opens: boolean
  readonly clicks: boolean
}

/** Prepares the HTML of a campaign, as `contentTracker` makes it. */
export type TrackContent = (
  campaign: Omit<TrackedCampaign, 'baseUrl'> & { readonly host: string | null },
  html: string,
) => TrackedContent | undefined

/** Links lead to the tenant's host, which is reached by https, or else to `publicUrl`. */
export function contentTracker(deps: {
  readonly publicUrl: string
  readonly keys: Pick<Keys, 'derive'>
}): TrackContent {
  const key = trackingKey(deps.keys)
  const publicUrl = deps.publicUrl.replace(/\/+$/, '')
  return ({ host, ...campaign }, html) =>
    trackContent({ key }, { ...campaign, baseUrl: host === null ? publicUrl : `https://${host}` }, html)
}

export interface TrackedCampaign extends TrackingChoice {
  readonly tenantId: string
  readonly campaignId: string
  /** Where links lead: `https://links.example.com`, without a slash at the end. */
  readonly baseUrl: string
}

export interface MarkedMessage {
  readonly messageId: string
  readonly unsubscribeUrl: string
}

/** Makes the links of one rendered message its own. Some microseconds: the search for links was done before. */
export type MarkMessage = (rendered: string, message: MarkedMessage, sentAt: Date) => string

/** HTML of a campaign whose links lead through Pigeon, once each rendering of it is marked. */
export interface TrackedContent {
  readonly html: string
  readonly mark: MarkMessage
}

/** Paths of the public pages of tracking. */
export const CLICK_PATH = '/c/'
export const OPEN_PATH = '/o/'

const PIXEL_STYLE = 'display:block;width:1px;height:1px;border:0'
/** Liquid in an address: what it is, is known when a message is rendered. */
const LIQUID = /\{\{|\{%/
/** Unsubscribing never depends on a redirect: neither by our links nor by the sender's own. */
const LEAVES_LIST = /unsubscribe|opt-?out/i

/**
 * Prepares a campaign's HTML, once: links that are the same in all messages get their token now, those with Liquid in them
 * are marked for later. Left alone are unsubscribe links, everything that is not http(s), links that the author opted
 * out, and addresses too long for a token. Undefined when there is nothing to track.
 */
export function trackContent(
  deps: { readonly key: KeyObject },
  campaign: TrackedCampaign,
  html: string,
): TrackedContent | undefined {
  if (html === '' || !(campaign.opens || campaign.clicks)) return undefined
  const marks = newMarks(campaign.baseUrl)
  const { links, bodyStart, bodyEnd } = findLinks(html)
  const tokenOf = (index: number, url: string): string =>
    marks.path +
    linkToken(deps.key, { tenantId: campaign.tenantId, campaignId: campaign.campaignId }, { index, url })
  const clicks = campaign.clicks ? links.flatMap((link, index) => editOf(marks, tokenOf, link, index)) : []
  const edits = [
    // First in the body: scanners follow links in their order, and are known by this one.
    ...(clicks.length > 0 ? [insertion(bodyStart, trap(tokenOf(0, '')))] : []),
    ...clicks,
    ...(campaign.opens ? [insertion(bodyEnd, pixel(`${campaign.baseUrl}${OPEN_PATH}${marks.token}`))] : []),
  ]
  if (edits.length === 0) return undefined
  const isPersonal = clicks.some(({ text }) => text.startsWith(marks.open))
  return {
    html: applyEdits(html, edits),
    mark: markMessages(deps, campaign, isPersonal ? personalLinks(deps, campaign, marks) : undefined, marks),
  }
}

interface Marks {
  readonly token: string
  readonly open: string
  readonly close: string
  /** What comes before the token of a link. */
  readonly path: string
}

/** Nobody's data can hold these marks: characters for private use, and a secret of this content. */
function newMarks(baseUrl: string): Marks {
  const mark = `\u{E000}${randomBytes(8).toString('hex')}`
  return { token: `${mark}t`, open: `${mark}o`, close: `${mark}c`, path: `${baseUrl}${CLICK_PATH}${mark}t/` }
}

function editOf(
  marks: Marks,
  tokenOf: (index: number, url: string) => string,
  link: FoundLink,
  index: number,
): Edit[] {
  const { start, end, written } = link
  if (link.isOptedOut || index > MAX_LINK_INDEX) return []
  if (LIQUID.test(written))
    return mayBecomeTracked(written)
      ? [{ start, end, text: `${marks.open}${index}:${written}${marks.close}` }]
      : []
  const url = trackableUrl(written)
  return url === undefined ? [] : [{ start, end, text: tokenOf(index, url) }]
}

function markMessages(
  { key }: { readonly key: KeyObject },
  { tenantId, campaignId }: TrackedCampaign,
  personal: ((rendered: string, message: MarkedMessage) => string) | undefined,
  marks: Marks,
): MarkMessage {
  return (rendered, message, sentAt) => {
    const linked = personal === undefined ? rendered : personal(rendered, message)
    const sentAtSeconds = Math.floor(sentAt.getTime() / 1000)
    const { messageId } = message
    return linked.replaceAll(
      marks.token,
      trackingToken(key, { tenantId, campaignId, messageId, sentAtSeconds }),
    )
  }
}

/** An absolute http(s) address as a browser would ask for it, or undefined when it is none that is tracked. */
export function trackableUrl(written: string): string | undefined {
  const text = decodeHTMLAttribute(written).trim()
  if (!/^https?:\/\//i.test(text) || LEAVES_LIST.test(text) || !URL.canParse(text)) return undefined
  const { href, username, password } = new URL(text)
  // An address with a name and password in it is a secret, and a trick of fraud.
  return username === '' && password === '' && href.length <= MAX_TRACKED_URL_OCTETS ? href : undefined
}

function mayBecomeTracked(written: string): boolean {
  return /^\s*(https?:|\{)/i.test(written) && !LEAVES_LIST.test(written)
}

/** Links whose address depends on the recipient get a token of their message alone. */
function personalLinks(
  { key }: { readonly key: KeyObject },
  { tenantId }: TrackedCampaign,
  marks: Marks,
): (rendered: string, message: MarkedMessage) => string {
  const link = new RegExp(`${marks.open}(\\d+):([^]*?)${marks.close}`, 'g')
  // A mark that lost its other half: a Liquid tag began within an address and ended behind it.
  const rest = new RegExp(`${marks.open}\\d+:|${marks.close}`, 'g')
  return (rendered, { messageId, unsubscribeUrl }) =>
    rendered
      .replaceAll(link, (_all, index: string, written: string) => {
        const url = trackableUrl(written)
        if (url === undefined || url.startsWith(unsubscribeUrl)) return written
        return marks.path + linkToken(key, { tenantId, messageId }, { index: Number(index), url })
      })
      .replaceAll(rest, '')
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

function insertion(at: number, text: string): Edit {
  return { start: at, end: at, text }
}

function pixel(source: string): string {
  return `<img src="${source}" width="1" height="1" alt="" style="${PIXEL_STYLE}">`
}

/** A link that no person sees or reaches with the keyboard. */
function trap(url: string): string {
  return `<a href="${url}" style="display:none" aria-hidden="true" tabindex="-1" rel="nofollow"></a>`
}

function applyEdits(html: string, edits: readonly Edit[]): string {
  let edited = ''
  let at = 0
  for (const { start, end, text } of edits) {
    edited += html.slice(at, start) + text
    at = end
  }
  return edited + html.slice(at)
}
