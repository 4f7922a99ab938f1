import type { DkimSigner } from '@pigeon/mail/dkim.ts'
import { messageId, type Mailbox } from '@pigeon/mail/headers.ts'
import { MailError } from '@pigeon/mail/mail-error.ts'
import { buildMessage } from '@pigeon/mail/mime.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import { renderData, type TemplateData, type TemplateValue } from '#templates/render-data.ts'
import { prepareTemplate, render, type PreparedTemplate } from '#templates/render-template.ts'
import type { CompiledTemplate } from '#templates/template.ts'
import type { MarkMessage } from '#tracking/track-content.ts'
import { unsubscribeHeaders } from '#tracking/unsubscribe-link.ts'
import type { Rewrites } from './relays/relay.ts'

/** What all messages of a campaign share, prepared once. */
export interface CampaignContent {
  readonly tenantId: string
  readonly campaignId: string
  readonly campaignName: string
  readonly listId: string | null
  readonly messageClass: MessageClass
  readonly from: Mailbox
  readonly fromDomain: string
  readonly replyTo: Mailbox | undefined
  readonly template: PreparedTemplate
  readonly signer: DkimSigner
  readonly slow: SlowRenders
  /** Where the campaign is tracked: makes the links of a message its own. */
  readonly mark?: MarkMessage | undefined
  /** Where mail to unsubscribe goes. */
  readonly unsubscribeAddress?: ((messageId: string) => string) | undefined
}

/** Renderings of a campaign in a row that were given up because they took too long, and what was said of the last. */
interface SlowRenders {
  inARow: number
  error: string
}

/** Each of them stops the whole process for a second: after so many the campaign's template is not tried again. */
const MAX_SLOW_RENDERS = 3

/** Prepares a campaign's content. Throws a Problem when the template is not valid Liquid. */
export function prepareContent(
  campaign: Omit<CampaignContent, 'template' | 'fromDomain' | 'slow'> & {
    readonly compiled: CompiledTemplate
    /** Liquid; stands in for the template's own. */
    readonly subject: string | null
  },
): CampaignContent {
  const { compiled, subject, ...rest } = campaign
  return {
    ...rest,
    fromDomain: campaign.from.email.slice(campaign.from.email.lastIndexOf('@') + 1),
    template: prepareTemplate(subject === null ? compiled : { ...compiled, subject }),
    slow: { inARow: 0, error: '' },
  }
}

export interface Recipient {
  readonly messageId: string
  readonly recipient: string
  readonly firstName: string | null
  readonly lastName: string | null
  readonly attributes: Readonly<Record<string, unknown>>
  /** https, for the link in the content and for RFC 8058. */
  readonly unsubscribeUrl: string
}

/** `data` is ready to follow DATA. `failed`: this recipient's data makes no message; trying again is of no use. */
export type Composed =
  | { readonly kind: 'composed'; readonly data: Buffer }
  | { readonly kind: 'failed'; readonly error: string }

/**
 * Renders, writes (RFC 5322), signs (RFC 6376) and dot-stuffs one message. What a relay `rewrites` is not signed; where it
 * writes all of it anew, no signature of ours would hold.
 */
export function composeMessage(
  content: CampaignContent,
  to: Recipient,
  date: Date,
  rewrites: Rewrites = [],
): Composed {
  const { slow } = content
  if (slow.inARow >= MAX_SLOW_RENDERS) return { kind: 'failed', error: slow.error }
  try {
    const message = writeMessage(content, to, date)
    slow.inARow = 0
    const timestampSeconds = Math.floor(date.getTime() / 1000)
    const signatures =
      rewrites === 'all' ? '' : content.signer.sign(message, { timestampSeconds, except: rewrites })
    return { kind: 'composed', data: dotStuff(message, signatures) }
  } catch (error) {
    if (error instanceof Problem && error.code === 'templates.too_slow') {
      slow.inARow += 1
      slow.error = error.message
    }
    if (error instanceof Problem || error instanceof MailError)
      return { kind: 'failed', error: error.message }
    throw error
  }
}

function writeMessage(content: CampaignContent, to: Recipient, date: Date): Buffer {
  const data = renderData({
    email: to.recipient,
    firstName: to.firstName,
    lastName: to.lastName,
    attributes: templateData(to.attributes),
    unsubscribeUrl: to.unsubscribeUrl,
    campaignName: content.campaignName,
  })
  const rendered = render(content.template, data, { mode: 'send' })
  return buildMessage({
    from: content.from,
    to: { email: to.recipient },
    replyTo: content.replyTo,
    subject: rendered.subject,
    date,
    messageId: messageId(to.messageId, content.fromDomain),
    headers: campaignHeaders(content, to),
    text: rendered.text === '' && rendered.html !== '' ? undefined : rendered.text,
    html: rendered.html === '' ? undefined : (content.mark?.(rendered.html, to, date) ?? rendered.html),
  })
}

function campaignHeaders(content: CampaignContent, to: Recipient): [name: string, value: string][] {
  const headers: [name: string, value: string][] = [
    // Google's form: up to three ids of ours, and the sender last.
    ['Feedback-ID', `${content.campaignId}:${content.tenantId}:bulk:pigeon`],
    ...unsubscribeHeaders(to.unsubscribeUrl, content.unsubscribeAddress?.(to.messageId)),
  ]
  // RFC 2919: a name below a domain of the sender.
  if (content.listId !== null) headers.push(['List-Id', `<${content.listId}.${content.fromDomain}>`])
  return headers
}

/** Attributes come from JSON columns; what is not JSON is left out. */
function templateData(attributes: Readonly<Record<string, unknown>>): TemplateData {
  const data: Record<string, TemplateValue> = {}
  for (const [name, value] of Object.entries(attributes)) if (isTemplateValue(value)) data[name] = value
  return data
}

function isTemplateValue(value: unknown): value is TemplateValue {
  if (value === null) return true
  if (typeof value !== 'object') {
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  }
  return Object.values(value).every(isTemplateValue)
}
