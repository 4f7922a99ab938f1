import { assertCanSendFrom } from '#domains/assert-can-send-from.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database, type Transaction } from '#platform/postgres/database.ts'
import { Problem, type FieldError } from '#platform/problem.ts'
import { assertAllowed } from './campaign.ts'
import { changeStatus, findCampaign, findReadiness, type Campaign } from './campaigns.store.ts'

export interface CampaignDeps {
  readonly db: Database
  readonly clock: Clock
  /** The mode of the installation: `sandbox` outranks every tenant's `live`. */
  readonly installationMode: 'sandbox' | 'live'
}

/** Begins sending now. The template's version and the mode are fixed from here on. */
export async function startCampaign(deps: CampaignDeps, tenantId: string, id: string): Promise<Campaign> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await lockCampaign(transaction, id)
    assertAllowed('send', campaign.status)
    const { templateVersion, mode } = await assertReady(deps, transaction, campaign)
    const now = deps.clock.now()
    const set = { started_at: now, template_version: templateVersion, mode, missed_at: null, problem: null }
    return changeStatus(transaction, id, { status: 'sending', set }, now)
  })
}

/** The campaign of this tenant, locked until the transaction ends; Problem('not_found') when there is none. */
export async function lockCampaign(transaction: Transaction, id: string): Promise<Campaign> {
  const campaign = await findCampaign(transaction, id, { lock: true })
  if (campaign === undefined) throw campaignNotFound()
  return campaign
}

export function campaignNotFound(): Problem {
  return new Problem(
    'not_found',
    'campaigns.not_found',
    'There is no campaign with this id. GET /v1/campaigns lists yours.',
  )
}

/** Says everything that is missing at once. */
export async function assertReady(
  deps: CampaignDeps,
  transaction: Transaction,
  campaign: Campaign,
): Promise<{ templateVersion: number; mode: 'sandbox' | 'live' }> {
  const { list, template, mode: tenantMode } = await findReadiness(transaction, campaign)
  const mode = deps.installationMode === 'live' && tenantMode === 'live' ? 'live' : 'sandbox'
  const errors: FieldError[] = []
  if (list === undefined) {
    errors.push({
      field: 'list_id',
      code: 'campaigns.no_list',
      message: 'Choose a list: the campaign has none, or it was deleted.',
    })
  } else if (!list.has_subscribers) {
    errors.push({
      field: 'list_id',
      code: 'campaigns.empty_list',
      message: 'The list has no subscribed contact: import or add some first.',
    })
  }
  if (template === undefined) {
    errors.push({
      field: 'template_id',
      code: 'campaigns.no_template',
      message: 'Choose a template: the campaign has none, or it was deleted.',
    })
  }
  try {
    await assertCanSendFrom(transaction, campaign.tenant_id, campaign.from_email, mode)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    errors.push({ field: 'from_email', code: error.code, message: error.message })
  }
  const [first] = errors
  if (first !== undefined) {
    const message = errors.map((error) => error.message).join(' ')
    throw new Problem('invalid', errors.length === 1 ? first.code : 'campaigns.not_ready', message, {
      errors,
    })
  }
  return { templateVersion: template?.version ?? 0, mode }
}
