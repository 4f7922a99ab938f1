import { parseAddress } from '@pigeon/mail/address.ts'
import type { MessageClass } from '#platform/postgres/database.gen.ts'
import { asTenant, type Transaction } from '#platform/postgres/database.ts'
import { Problem, type FieldError } from '#platform/problem.ts'
import { assertPool } from '#sources/assert-pool.ts'
import { assertAllowed } from './campaign.ts'
import { insertCampaign, updateCampaign, type Campaign, type CampaignFields } from './campaigns.store.ts'
import { lockCampaign, type CampaignDeps } from './start-campaign.ts'

export interface CampaignInput {
  readonly name: string
  readonly list_id?: string | null
  readonly template_id?: string | null
  readonly subject?: string | null
  readonly from_email: string
  readonly from_name?: string | null
  readonly reply_to?: string | null
  readonly pool_id?: string | null
  readonly message_class?: MessageClass
  readonly expires_after_minutes?: number | null
  readonly track_opens?: boolean | null
  readonly track_clicks?: boolean | null
}

/** A draft. Whether it can be sent is asked when it is sent: a draft may be incomplete. */
export async function createCampaign(
  deps: CampaignDeps,
  transaction: Transaction,
  tenantId: string,
  input: CampaignInput,
): Promise<Campaign> {
  const fields = fieldsOf(input)
  await assertPool(transaction, fields.pool_id)
  return insertCampaign(transaction, tenantId, fields, deps.clock.now())
}

/** Replaces the content of a campaign that has not begun. */
export async function editCampaign(
  deps: CampaignDeps,
  tenantId: string,
  id: string,
  input: CampaignInput,
): Promise<Campaign> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await lockCampaign(transaction, id)
    assertAllowed('edit', campaign.status)
    const fields = fieldsOf(input)
    await assertPool(transaction, fields.pool_id)
    return updateCampaign(transaction, id, fields, deps.clock.now())
  })
}

function fieldsOf(input: CampaignInput): CampaignFields {
  const errors: FieldError[] = []
  const from = addressOf('from_email', input.from_email, errors)
  const replyTo =
    input.reply_to === undefined || input.reply_to === null
      ? null
      : addressOf('reply_to', input.reply_to, errors)
  for (const field of ['subject', 'from_name', 'name'] as const) {
    if (/[\r\n\0]/.test(input[field] ?? '')) {
      errors.push({
        field,
        code: 'line_break',
        message: `${field} must be a single line: it becomes a header of the mail.`,
      })
    }
  }
  const [first] = errors
  if (first !== undefined) throw new Problem('invalid', 'campaigns.invalid', first.message, { errors })
  return {
    name: input.name.trim(),
    list_id: input.list_id ?? null,
    template_id: input.template_id ?? null,
    subject: input.subject ?? null,
    from_email: from,
    from_name: input.from_name ?? null,
    reply_to: replyTo,
    pool_id: input.pool_id ?? null,
    message_class: input.message_class ?? 'bulk',
    expires_after_minutes: input.expires_after_minutes ?? null,
    track_opens: input.track_opens ?? null,
    track_clicks: input.track_clicks ?? null,
  }
}

function addressOf(field: string, text: string, errors: FieldError[]): string {
  const parsed = parseAddress(text, { isAsciiOnly: true })
  if (parsed.ok) return parsed.address
  errors.push({ field, code: parsed.code, message: parsed.message })
  return ''
}
