import type { Duplicate, ReceivedCounts, Stats } from './control.schema.ts'
import type { Entry } from './mail-entry.ts'
import { seededHash } from './seeded-hash.ts'
import { createSeenSet } from './seen-set.ts'

/** Campaigns counted one by one; those that come later are counted in the totals only. */
const MAX_CAMPAIGNS = 10_000
/** Duplicates listed one by one; all of them are counted. */
const MAX_LISTED_DUPLICATES = 10_000

/** What was received, counted: every recipient of a message is one delivery. */
export interface MailCounters {
  add(entry: Entry): void
  stats(campaign: string | undefined): Stats
  duplicates(limit: number): readonly Duplicate[]
  clear(): void
}

function deliveryHash(messageId: string, recipient: string): number {
  return seededHash(1, `${messageId} ${recipient.toLowerCase()}`)
}

interface Tally extends ReceivedCounts {
  readonly by_provider: Map<string, ReceivedCounts>
}

export function createMailCounters(): MailCounters {
  const seen = createSeenSet()
  const campaigns = new Map<string, Tally>()
  const listed = new Map<number, Duplicate>()
  let total = newTally()

  const campaignTally = (campaign: string): Tally | undefined => {
    const known = campaigns.get(campaign)
    if (known !== undefined || campaigns.size >= MAX_CAMPAIGNS) return known
    const tally = newTally()
    campaigns.set(campaign, tally)
    return tally
  }

  const listDuplicate = (hash: number, entry: Entry, recipient: string) => {
    const before = listed.get(hash)
    if (before === undefined && listed.size >= MAX_LISTED_DUPLICATES) return
    listed.set(hash, {
      message_id: entry.message_id ?? '',
      recipient,
      count: (before?.count ?? 1) + 1,
      last_sequence: entry.sequence,
    })
  }

  return {
    add: (entry) => {
      const tallies = [total]
      const ofCampaign = entry.campaign === null ? undefined : campaignTally(entry.campaign)
      if (ofCampaign !== undefined) tallies.push(ofCampaign)
      for (const recipient of entry.rcpt_to) {
        // Without a Message-ID there is nothing to tell a duplicate by.
        const hash = entry.message_id === null ? undefined : deliveryHash(entry.message_id, recipient)
        const isNew = hash === undefined || seen.add(hash)
        if (hash !== undefined && !isNew) listDuplicate(hash, entry, recipient)
        for (const tally of tallies) count(tally, entry.provider, isNew)
      }
    },
    stats: (campaign) => toStats(campaign === undefined ? total : (campaigns.get(campaign) ?? newTally())),
    duplicates: (limit) =>
      [...listed.values()].sort((a, b) => b.last_sequence - a.last_sequence).slice(0, limit),
    clear: () => {
      seen.clear()
      campaigns.clear()
      listed.clear()
      total = newTally()
    },
  }
}

function newTally(): Tally {
  return { received: 0, distinct: 0, duplicates: 0, by_provider: new Map() }
}

function count(tally: Tally, provider: string, isNew: boolean): void {
  const ofProvider = providerCounts(tally, provider)
  for (const counts of [tally, ofProvider]) {
    counts.received += 1
    if (isNew) counts.distinct += 1
    else counts.duplicates += 1
  }
}

function providerCounts(tally: Tally, provider: string): ReceivedCounts {
  const known = tally.by_provider.get(provider)
  if (known !== undefined) return known
  const fresh = { received: 0, distinct: 0, duplicates: 0 }
  tally.by_provider.set(provider, fresh)
  return fresh
}

function toStats(tally: Tally): Stats {
  const { received, distinct, duplicates } = tally
  return { received, distinct, duplicates, by_provider: Object.fromEntries(tally.by_provider) }
}
