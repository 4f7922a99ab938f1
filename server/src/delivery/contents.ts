import type { DkimSigner } from '@pigeon/mail/dkim.ts'
import type { CompiledTemplate } from '#templates/template.ts'
import { chooseTracking } from '#tracking/choose-tracking.ts'
import type { TrackContent } from '#tracking/track-content.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Log } from '#platform/log.ts'
import { prepareContent, type CampaignContent } from './compose.ts'
import { findContent, findStatuses, type CampaignContentRow } from './content.store.ts'

/** Channel on which a change of a campaign's status is told: `{"id":…,"status":…}`. */
export const CAMPAIGNS_CHANNEL = 'campaigns'

/** Campaigns kept ready in one process. */
const MAX_CAMPAIGNS = 500

export interface Contents {
  /** Makes these campaigns ready. Rejects when the database cannot be asked. */
  load(campaignIds: readonly string[]): Promise<void>
  get(campaignId: string): CampaignContent | undefined
  /** Why a campaign cannot be rendered or signed, when `get` has nothing. */
  problem(campaignId: string): string | undefined
  /** Whether messages of the campaign may leave now. */
  isSending(campaignId: string): boolean
  /** Takes a notification; returns the campaign and its status. */
  told(payload: string): { id: string; status: string } | undefined
  /** Asks the database for the statuses again: notifications may have been missed. */
  refresh(): Promise<void>
}

export interface ContentDeps {
  readonly db: Database
  readonly log: Log
  readonly loadSigner: (tenantId: string, domain: string) => Promise<DkimSigner>
  /** Absent: nothing is tracked. */
  readonly track?: TrackContent
  /** Where mail to unsubscribe goes; absent: nowhere. */
  readonly unsubscribeAddress?: (messageId: string) => string
}

export function createContents(deps: ContentDeps): Contents {
  const contents = new Map<string, CampaignContent>()
  const problems = new Map<string, string>()
  const statuses = new Map<string, string>()
  const loading = new Map<string, Promise<void>>()

  async function loadOne(id: string): Promise<void> {
    const row = await findContent(deps.db, id)
    if (row === undefined) {
      problems.set(id, 'The campaign or its template is gone.')
      return
    }
    // A notification that came while the row was being read is newer than the row.
    if (!statuses.has(id)) statuses.set(id, row.status)
    try {
      contents.set(id, await contentOf(deps, row))
    } catch (error) {
      deps.log.error({ err: error, campaign: id }, 'The content of a campaign cannot be used.')
      problems.set(id, error instanceof Error ? error.message : String(error))
    }
    forgetOldest()
  }

  function forgetOldest(): void {
    for (const id of contents.keys()) {
      if (contents.size <= MAX_CAMPAIGNS) return
      contents.delete(id)
      statuses.delete(id)
      problems.delete(id)
    }
  }

  return {
    load: async (campaignIds) => {
      await Promise.all(
        campaignIds.map(async (id) => {
          if (contents.has(id) || problems.has(id)) return
          const running = loading.get(id) ?? loadOne(id).finally(() => loading.delete(id))
          loading.set(id, running)
          await running
        }),
      )
    },
    get: (id) => contents.get(id),
    problem: (id) => problems.get(id),
    isSending: (id) => statuses.get(id) === 'sending',
    told: (payload) => {
      const change = parse(payload)
      if (change !== undefined && (statuses.has(change.id) || loading.has(change.id)))
        statuses.set(change.id, change.status)
      return change
    },
    refresh: async () => {
      for (const { id, status } of await findStatuses(deps.db, [...statuses.keys()])) statuses.set(id, status)
    },
  }
}

async function contentOf(deps: ContentDeps, row: CampaignContentRow): Promise<CampaignContent> {
  // Written by the templates feature, and only by it.
  const compiled = row.compiled as CompiledTemplate
  const tracked = deps.track?.(trackedCampaignOf(row), compiled.html)
  return prepareContent({
    tenantId: row.tenant_id,
    campaignId: row.id,
    campaignName: row.name,
    listId: row.list_id,
    messageClass: row.message_class,
    from: row.from_name === null ? { email: row.from_email } : { email: row.from_email, name: row.from_name },
    replyTo: row.reply_to === null ? undefined : { email: row.reply_to },
    compiled: tracked === undefined ? compiled : { ...compiled, html: tracked.html },
    mark: tracked?.mark,
    unsubscribeAddress: deps.unsubscribeAddress,
    subject: row.subject,
    signer: await deps.loadSigner(row.tenant_id, row.from_email.slice(row.from_email.lastIndexOf('@') + 1)),
  })
}

function trackedCampaignOf(row: CampaignContentRow) {
  const campaign = { opens: row.track_opens, clicks: row.track_clicks, messageClass: row.message_class }
  const tenant = {
    opens: row.tenant_track_opens,
    clicks: row.tenant_track_clicks,
    privacy: row.tracking_privacy,
  }
  return {
    ...chooseTracking(campaign, tenant),
    tenantId: row.tenant_id,
    campaignId: row.id,
    // What lands in the windtunnel is clicked on this machine.
    host: row.mode === 'live' ? row.tracking_host : null,
  }
}

function parse(payload: string): { id: string; status: string } | undefined {
  try {
    const change: unknown = JSON.parse(payload)
    if (typeof change !== 'object' || change === null || !('id' in change) || !('status' in change))
      return undefined
    return { id: String(change.id), status: String(change.status) }
  } catch {
    return undefined
  }
}
