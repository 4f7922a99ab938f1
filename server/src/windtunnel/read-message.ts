import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import PostalMime, { decodeWords } from 'postal-mime'
import type { Address, Email } from 'postal-mime'
import { Problem } from '#platform/problem.ts'
import type { DkimVerdict, MessageSummary, ParsedMessage } from './control.schema.ts'
import type { Entry } from './mail-entry.ts'
import type { Zone } from './zone.ts'

export function summarise(entry: Entry): MessageSummary {
  return {
    sequence: entry.sequence,
    received_at: entry.received_at,
    provider: entry.provider,
    mail_from: entry.mail_from,
    rcpt_to: entry.rcpt_to,
    message_id: entry.message_id,
    subject: entry.subject === null ? null : decodeWords(entry.subject),
    tenant: entry.tenant,
    campaign: entry.campaign,
    size_bytes: entry.size_bytes,
    tls: entry.tls,
    has_raw: entry.raw_bytes > 0,
  }
}

/** Takes a message apart and verifies its signatures, with code that has nothing to do with what wrote them. */
export async function readMessage(deps: { zone: Zone }, entry: Entry, raw: Buffer): Promise<ParsedMessage> {
  const email = await parse(raw)
  return {
    ...summarise(entry),
    subject: email.subject ?? null,
    headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
    from: mailboxes(email.from === undefined ? [] : [email.from])[0] ?? null,
    to: mailboxes(email.to ?? []),
    html: email.html ?? null,
    text: email.text ?? null,
    attachments: email.attachments.map((attachment) => ({
      filename: attachment.filename,
      content_type: attachment.mimeType,
      disposition: attachment.disposition,
      content_id: attachment.contentId ?? null,
      size_bytes:
        typeof attachment.content === 'string' ? attachment.content.length : attachment.content.byteLength,
    })),
    dkim: await verifyDkim(deps, raw),
  }
}

/** One verdict for each DKIM-Signature, by the keys published in the windtunnel's own zone. */
export async function verifyDkim(deps: { zone: Zone }, raw: Buffer): Promise<DkimVerdict[]> {
  const resolver = async (name: string, type: string): Promise<string[][]> => {
    const records = type === 'TXT' ? deps.zone.lookup(name, 'TXT') : []
    if (records.length > 0) return records.map((text) => [text])
    throw Object.assign(new Error(`no ${type} record for ${name}`), { code: 'ENOTFOUND' })
  }
  const { results } = await dkimVerify(raw, { resolver })
  return results
    .filter((result) => result.status.result !== 'none')
    .map((result) => ({
      domain: result.signingDomain ?? '',
      selector: result.selector ?? '',
      algorithm: result.algo ?? '',
      result: result.status.result,
      comment: result.status.comment ?? null,
    }))
}

async function parse(raw: Buffer): Promise<Email> {
  try {
    return await PostalMime.parse(raw)
  } catch (error) {
    throw new Problem(
      'invalid',
      'windtunnel.unparsable',
      'This message cannot be parsed; read it as raw source.',
      { cause: error },
    )
  }
}

function mailboxes(addresses: readonly Address[]): { name: string; address: string }[] {
  return addresses
    .flatMap((address) => (address.group === undefined ? [address] : address.group))
    .map(({ name, address }) => ({ name, address }))
}
