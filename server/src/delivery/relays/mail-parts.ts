import PostalMime from 'postal-mime'
import type { Address, Email } from 'postal-mime'
import type { Mailbox } from '@pigeon/mail/headers.ts'
import { MailError } from '@pigeon/mail/mail-error.ts'
import type { RelayMail } from './relay-api.ts'

/** A message taken apart, for APIs that write the message themselves. */
export interface MailParts {
  readonly from: Mailbox
  /** The recipient of the envelope, with its name if the message has one. */
  readonly to: Mailbox
  readonly replyTo: readonly Mailbox[]
  readonly subject: string
  /** What has no field of its own, as it stands in the message: ASCII, with encoded-words (RFC 2047). */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly text: string | undefined
  readonly html: string | undefined
  readonly attachments: readonly AttachedPart[]
}

export interface AttachedPart {
  readonly filename: string
  readonly contentType: string
  readonly base64: string
  /** Without angle brackets; null for what is not shown in the text. */
  readonly cid: string | null
}

/** Headers that the API has fields for, that say how this MIME is written, or that only servers write. */
const NOT_PASSED_ON =
  /^(?:from|to|cc|bcc|reply-to|subject|date|mime-version|content-.+|dkim-signature|received|return-path)$/

/**
 * Takes a message apart. Its Cc and other recipients are left out: each of them has a message of their own, and an API
 * that is told of them would send to them. Throws `MailError` for what is no message or has no From.
 */
export async function partsOf(mail: RelayMail): Promise<MailParts> {
  const email = await parse(mail.mime)
  const [from] = mailboxes(email.from === undefined ? [] : [email.from])
  if (from === undefined) throw new MailError('no_from', 'The message has no From address.')
  const named = mailboxes(email.to ?? []).find((one) => sameAddress(one.email, mail.rcptTo))
  return {
    from,
    to: { name: named?.name, email: mail.rcptTo },
    replyTo: mailboxes(email.replyTo ?? []),
    subject: email.subject ?? '',
    headers: email.headers
      .filter((header) => !NOT_PASSED_ON.test(header.key))
      .map((header) => ({ name: header.originalKey, value: header.value })),
    text: emptyAsNone(email.text),
    html: emptyAsNone(email.html),
    attachments: email.attachments.map(attached),
  }
}

export function sameAddress(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

async function parse(mime: Buffer): Promise<Email> {
  try {
    return await PostalMime.parse(mime, { attachmentEncoding: 'base64', forceRfc822Attachments: true })
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    throw new MailError('unreadable', `The message cannot be taken apart for this relay: ${words}`)
  }
}

function attached(part: Email['attachments'][number], index: number): AttachedPart {
  const cid = part.contentId?.replace(/^<|>$/g, '') ?? ''
  const isShown = cid !== '' && (part.related === true || part.disposition === 'inline')
  return {
    filename: part.filename ?? `attachment-${index + 1}`,
    contentType: part.mimeType,
    base64: asBase64(part.content),
    cid: isShown ? cid : null,
  }
}

function asBase64(content: string | ArrayBuffer | Uint8Array): string {
  return typeof content === 'string' ? content : Buffer.from(new Uint8Array(content)).toString('base64')
}

function mailboxes(addresses: readonly Address[]): Mailbox[] {
  return addresses
    .flatMap((one) => one.group ?? [{ name: one.name, address: one.address }])
    .filter((one) => one.address !== '')
    .map((one) => (one.name === '' ? { email: one.address } : { name: one.name, email: one.address }))
}

function emptyAsNone(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text
}
