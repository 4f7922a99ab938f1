import { parseAddress, parseDomain } from '@pigeon/mail/address.ts'
import { findCampaign } from '#campaigns/get-campaign.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { Problem } from '#platform/problem.ts'
import type { SendingMode } from '#events/email-events.ts'
import { explainWay, type ExplainDeps, type WayQuestion } from './explain-way.ts'
import type { Explanation } from './explanation.ts'

export interface ExplainInput {
  readonly to: string
  /** The sender: an address, or a domain. Absent: the campaign's. */
  readonly from?: string
  readonly message_class?: MessageClass
  readonly campaign_id?: string
}

export interface Asker {
  readonly tenantId: string
  /** What they send is sent so. */
  readonly mode: SendingMode
}

/** What would happen to a message to this address, without sending one. Problems: explain.bad_address, explain.no_sender. */
export async function explainAddress(
  deps: ExplainDeps,
  asker: Asker,
  input: ExplainInput,
): Promise<Explanation> {
  const campaign =
    input.campaign_id === undefined ? null : await findCampaign(deps, asker.tenantId, input.campaign_id)
  return explainWay(deps, {
    tenantId: asker.tenantId,
    mode: campaign?.mode ?? asker.mode,
    recipient: recipientOf(input.to),
    from: senderOf(input.from ?? campaign?.from_email),
    campaignId: campaign?.id ?? null,
    listId: campaign?.list_id ?? null,
    messageClass: input.message_class ?? campaign?.message_class ?? 'bulk',
  })
}

/** Problem `explain.bad_address` for what is no address. */
export function recipientOf(text: string): WayQuestion['recipient'] {
  const parsed = parseAddress(text.trim())
  if (parsed.ok) return { address: parsed.address, key: parsed.key, domain: parsed.domain }
  throw badField('to', 'explain.bad_address', parsed.message)
}

/** An address of the domain stands for a domain: which one makes no difference to whether it may send. */
export function senderOf(text: string | undefined): WayQuestion['from'] {
  if (text === undefined)
    throw badField('from', 'explain.no_sender', 'Say who it is from: a domain, an address, or a campaign.')
  if (!text.includes('@')) {
    const domain = parseDomain(text.trim())
    if (domain.ok) return { address: `postmaster@${domain.domain}`, domain: domain.domain }
    throw badField('from', 'explain.bad_sender', domain.message)
  }
  const parsed = parseAddress(text.trim(), { isAsciiOnly: true })
  if (parsed.ok) return { address: parsed.address, domain: parsed.domain }
  throw badField('from', 'explain.bad_sender', parsed.message)
}

function badField(field: string, code: string, message: string): Problem {
  return new Problem('invalid', code, message, { errors: [{ field, code, message }] })
}
