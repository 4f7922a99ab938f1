import { asTenant } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { assertAllowed, assertTimeZone, instantOf } from './campaign.ts'
import { changeStatus, deleteCampaign, type Campaign, type StatusChange } from './campaigns.store.ts'
import { lockCampaign, assertReady, type CampaignDeps } from './start-campaign.ts'

/** Nothing more is handed to delivery; what it has in hand and has not begun comes back without counting as an attempt. */
export async function pauseCampaign(deps: CampaignDeps, tenantId: string, id: string): Promise<Campaign> {
  return move(deps, tenantId, id, 'pause', (now) => ({ status: 'paused', set: { paused_at: now } }))
}

export async function resumeCampaign(deps: CampaignDeps, tenantId: string, id: string): Promise<Campaign> {
  return move(deps, tenantId, id, 'resume', () => ({ status: 'sending', set: { paused_at: null } }))
}

/** Final: what was not sent never will be. Messages whose delivery has begun end with their own outcome. */
export async function cancelCampaign(deps: CampaignDeps, tenantId: string, id: string): Promise<Campaign> {
  return move(deps, tenantId, id, 'cancel', (now, campaign) => ({
    status: 'cancelled',
    set: campaign.started_at === null ? { cancelled_at: now, completed_at: now } : { cancelled_at: now },
  }))
}

export interface ScheduleInput {
  /** Wall-clock time in `time_zone`, e.g. `2026-12-01T09:00`. */
  readonly send_at: string
  /** The tenant's when absent. */
  readonly time_zone?: string
}

/** Schedules, or moves a schedule, at a wall-clock time of a time zone. A time that has passed is refused. */
export async function scheduleCampaign(
  deps: CampaignDeps,
  tenantId: string,
  id: string,
  input: ScheduleInput,
  tenantZone: string,
): Promise<Campaign> {
  const timeZone = input.time_zone ?? tenantZone
  assertTimeZone(timeZone)
  const at = instantOf(input.send_at, timeZone)
  if (at.getTime() <= deps.clock.now().getTime()) {
    const message = `${input.send_at} in ${timeZone} has passed: choose a later time, or send now.`
    throw new Problem('invalid', 'campaigns.time_passed', message, {
      errors: [{ field: 'send_at', code: 'time_passed', message }],
    })
  }
  return asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await lockCampaign(transaction, id)
    assertAllowed('schedule', campaign.status)
    await assertReady(deps, transaction, campaign)
    const set = {
      scheduled_local: input.send_at,
      time_zone: timeZone,
      scheduled_at: at,
      missed_at: null,
      problem: null,
    }
    return changeStatus(transaction, id, { status: 'scheduled', set }, deps.clock.now())
  })
}

/** Removes a campaign that has not begun or has ended. Its messages stay: they are what happened. */
export async function removeCampaign(deps: CampaignDeps, tenantId: string, id: string): Promise<void> {
  await asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await lockCampaign(transaction, id)
    assertAllowed('delete', campaign.status)
    if (campaign.accepted > 0) {
      throw new Problem(
        'conflict',
        'campaigns.has_messages',
        'The campaign has sent messages: it is kept, because its report belongs to them.',
      )
    }
    await deleteCampaign(transaction, id)
  })
}

async function move(
  deps: CampaignDeps,
  tenantId: string,
  id: string,
  action: 'pause' | 'resume' | 'cancel',
  change: (now: Date, campaign: Campaign) => StatusChange,
): Promise<Campaign> {
  return asTenant(deps.db, tenantId, async (transaction) => {
    const campaign = await lockCampaign(transaction, id)
    assertAllowed(action, campaign.status)
    const now = deps.clock.now()
    return changeStatus(transaction, id, change(now, campaign), now)
  })
}
