import { asTenant, type Database } from '#platform/postgres/database.ts'
import { findCampaign as findRow, type Campaign } from './campaigns.store.ts'
import { campaignNotFound } from './start-campaign.ts'

export type { Campaign }

/** The campaign of this tenant; Problem('not_found') when there is none. */
export async function findCampaign(deps: { db: Database }, tenantId: string, id: string): Promise<Campaign> {
  const campaign = await asTenant(deps.db, tenantId, (transaction) => findRow(transaction, id))
  if (campaign === undefined) throw campaignNotFound()
  return campaign
}
