import type { MessageClass } from '#platform/postgres/database.gen.ts'
import type { TrackingChoice } from './track-content.ts'

/** What a tenant has decided for its campaigns. */
export interface TenantTracking extends TrackingChoice {
  /** Nobody is tracked, whatever a campaign says. */
  readonly privacy: boolean
}

/** What a campaign has decided; null: nothing. */
export interface CampaignTracking {
  readonly opens: boolean | null
  readonly clicks: boolean | null
  readonly messageClass: MessageClass
}

/**
 * What is tracked of a campaign. Privacy outranks everything: its messages hold neither pixel nor changed link, so that
 * there is nothing to forget. What a campaign leaves open is the tenant's word for bulk mail; transactional mail (a
 * receipt, a new password) is not tracked unless it asks for it.
 */
export function chooseTracking(campaign: CampaignTracking, tenant: TenantTracking): TrackingChoice {
  if (tenant.privacy) return { opens: false, clicks: false }
  const isBulk = campaign.messageClass === 'bulk'
  return {
    opens: campaign.opens ?? (isBulk && tenant.opens),
    clicks: campaign.clicks ?? (isBulk && tenant.clicks),
  }
}
