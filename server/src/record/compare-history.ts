import { judgeMessage } from './judge-message.ts'
import { historyInBuckets, sumAttempts, sumEvents, type Wanted } from './reconcile-history.store.ts'
import {
  findInBuckets,
  sumMessages,
  sumTried,
  type BucketSum,
  type CampaignToCount,
  type Span,
} from './reconcile-ledger.store.ts'
import type { HistoryDeps } from './run-history.ts'
import { isFull, suspect, type Suspicions } from './suspicions.ts'

const BUCKET_MESSAGES = 2_000
const MAX_BUCKETS = 2_048
/** Buckets that are looked into at once. */
const DRILL_BUCKETS = 8

/** Compares sums in buckets, and looks at every message of the buckets that differ. */
export async function compareHistory(
  deps: HistoryDeps,
  page: readonly CampaignToCount[],
  span: Span,
  suspicions: Suspicions,
): Promise<void> {
  const buckets = Math.min(
    MAX_BUCKETS,
    Math.ceil(Math.max(1, ...page.map((campaign) => campaign.accepted)) / BUCKET_MESSAGES),
  )
  const wanted: Wanted = { campaigns: page, buckets, span }
  const ids = page.map((campaign) => campaign.id)
  const events = await sumEvents(deps.analytics, wanted)
  const doubled = events.filter((sum) => sum.state !== 'deferred' && sum.finals !== sum.messages)
  const differing = [
    ...doubled,
    ...differences(await sumMessages(deps.db, ids, buckets, span), events),
    ...differences(await sumTried(deps.db, ids, buckets, span), await sumAttempts(deps.analytics, wanted)),
  ]
  for (const campaign of page) {
    const wrong = [
      ...new Set(differing.filter((sum) => sum.campaign_id === campaign.id).map((sum) => sum.bucket)),
    ]
    for (let at = 0; at < wrong.length && !isFull(suspicions); at += DRILL_BUCKETS) {
      await lookInto(deps, campaign, buckets, wrong.slice(at, at + DRILL_BUCKETS), span, suspicions)
    }
  }
}

/** The sums of either side that the other side does not have. */
function differences(ledger: readonly BucketSum[], history: readonly BucketSum[]): BucketSum[] {
  const text = (sum: BucketSum): string =>
    [sum.campaign_id, sum.bucket, sum.state, sum.messages, sum.bits, sum.tries].join('/')
  const [ours, theirs] = [ledger, mergeSlices(history)].map(
    (sums) => new Map(sums.map((sum) => [text(sum), sum])),
  )
  if (ours === undefined || theirs === undefined) return []
  return [...ours]
    .filter(([key]) => !theirs.has(key))
    .concat([...theirs].filter(([key]) => !ours.has(key)))
    .map(([, sum]) => sum)
}

/** Slices of the messages fall into the same buckets. */
function mergeSlices(sums: readonly BucketSum[]): BucketSum[] {
  const merged = new Map<string, BucketSum>()
  for (const sum of sums) {
    const key = [sum.campaign_id, sum.bucket, sum.state].join('/')
    const seen = merged.get(key)
    const added = {
      messages: sum.messages + (seen?.messages ?? 0),
      bits: sum.bits + (seen?.bits ?? 0),
      tries: sum.tries + (seen?.tries ?? 0),
    }
    merged.set(key, { ...sum, ...added })
  }
  return [...merged.values()]
}

async function lookInto(
  deps: HistoryDeps,
  campaign: CampaignToCount,
  buckets: number,
  wanted: readonly number[],
  span: Span,
  suspicions: Suspicions,
): Promise<void> {
  const history = new Map(
    (await historyInBuckets(deps.analytics, campaign, buckets, wanted)).map((row) => [row.id, row]),
  )
  const messages = new Map(
    (await findInBuckets(deps.db, campaign.id, buckets, wanted)).map((row) => [row.id, row]),
  )
  for (const id of new Set([...history.keys(), ...messages.keys()])) {
    if (judgeMessage(messages.get(id), history.get(id), span) === null) continue
    suspect(suspicions, { id, tenantId: campaign.tenant_id, campaignId: campaign.id })
  }
}
