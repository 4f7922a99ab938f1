import type { Database, Transaction } from '#platform/postgres/database.ts'
import { awaitHistory } from './await-history.ts'
import { compareHistory } from './compare-history.ts'
import { explainDifferences } from './explain-differences.ts'
import { judgeMessage, type Finding, type Verdict } from './judge-message.ts'
import { historyCampaigns, historyOfMessages, type Suspect } from './reconcile-history.store.ts'
import {
  compareTallies,
  countMessages,
  findDoubles,
  findMessages,
  findStrays,
  findUnpaired,
  knownCampaigns,
  listCampaigns,
  type CampaignToCount,
  type Span,
} from './reconcile-ledger.store.ts'
import { runHistory, type HistoryDeps } from './run-history.ts'
import { isFull, MAX_FINDINGS, NO_CAMPAIGN, suspect, type Suspicions } from './suspicions.ts'

export type { Finding } from './judge-message.ts'

export interface ReconcileOptions {
  /** How long events and attempts are kept: what is older cannot be asked for. Days. */
  readonly eventDays: number
  readonly attemptDays: number
  readonly onProgress?: (done: { campaigns: number; messages: number }) => void
  /** How long the history may take to load what is pending. */
  readonly historyDeadlineMs?: number
}

export interface Reconciliation {
  readonly campaigns: number
  readonly messages: number
  readonly findings: readonly Finding[]
  /** There are more than were looked at one by one. */
  readonly isCut: boolean
}

const PAGE_CAMPAIGNS = 200
/** Messages that one statement counts, unless a single campaign has more. */
const PAGE_MESSAGES = 200_000
const HISTORY_DEADLINE_MS = 120_000
/** What ended this shortly before may still be on its way: it is compared when it is asked for by name. */
const SETTLE_MS = 3_000
const DAY_MS = 86_400_000
/** The first events of a message are older than its last. */
const RETENTION_MARGIN_DAYS = 7

/**
 * Recounts everything, of all tenants: accepted messages, tallies, the pairs of messages and deliveries, and the events
 * and attempts of the history. Then accepted = final states + in flight holds for every campaign. May run while mail is
 * being sent: what only moves is looked at again before it is a finding. Sums in buckets of ids are compared first, so
 * that a million messages that agree cost a few queries and little memory.
 */
export async function reconcile(deps: HistoryDeps, options: ReconcileOptions): Promise<Reconciliation> {
  const loading = new AbortController()
  const loader = runHistory(deps, loading.signal)
  try {
    return await recount(deps, options)
  } finally {
    loading.abort()
    await loader
  }
}

async function recount(deps: HistoryDeps, options: ReconcileOptions): Promise<Reconciliation> {
  const span = spanOf(deps.clock.now(), options)
  const suspicions: Suspicions = { tallies: [], accepted: [], doubles: [], messages: new Map() }
  await awaitHistory(deps, options.historyDeadlineMs ?? HISTORY_DEADLINE_MS)
  let [campaigns, messages] = [0, 0]
  for await (const page of pagesOf(deps.db)) {
    messages += await recountLedger(deps.db, page, suspicions)
    await compareHistory(deps, page, span, suspicions)
    campaigns += page.length
    options.onProgress?.({ campaigns, messages })
  }
  const strays = await findStrayFindings(deps)
  const verdicts = await confirm(deps, [...suspicions.messages.values()], span, options)
  const findings = [
    ...strays,
    ...suspicions.doubles,
    ...explainDifferences(verdicts, suspicions.tallies, suspicions.accepted),
  ]
  return {
    campaigns,
    messages,
    findings: findings.slice(0, MAX_FINDINGS),
    isCut: findings.length > MAX_FINDINGS || isFull(suspicions),
  }
}

function spanOf(now: Date, options: ReconcileOptions): Span {
  const since = (days: number): Date =>
    new Date(now.getTime() - Math.max(days - RETENTION_MARGIN_DAYS, days / 2) * DAY_MS)
  return {
    until: new Date(now.getTime() - SETTLE_MS),
    eventsSince: since(options.eventDays),
    attemptsSince: since(Math.min(options.attemptDays, options.eventDays)),
  }
}

/** Campaigns in pages of about as many messages as one statement should count. */
async function* pagesOf(db: Database): AsyncGenerator<CampaignToCount[]> {
  let after: string | null = null
  while (true) {
    const listed: CampaignToCount[] = await listCampaigns(db, after, PAGE_CAMPAIGNS)
    const page: CampaignToCount[] = []
    let messages = 0
    for (const campaign of listed) {
      if (page.length > 0 && messages + campaign.accepted > PAGE_MESSAGES) break
      page.push(campaign)
      messages += campaign.accepted
    }
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.id
  }
}

/** Everything that PostgreSQL alone can tell, in one snapshot a page. Returns the number of messages. */
async function recountLedger(
  db: Database,
  page: readonly CampaignToCount[],
  suspicions: Suspicions,
): Promise<number> {
  const ids = page.map((campaign) => campaign.id)
  return inSnapshot(db, async (transaction) => {
    const { total, differences } = await countMessages(transaction, ids)
    suspicions.accepted.push(...differences)
    suspicions.tallies.push(...(await compareTallies(transaction, ids)))
    const unpaired = await findUnpaired(transaction, ids, MAX_FINDINGS)
    for (const message of await findMessages(transaction, unpaired)) suspect(suspicions, suspectOf(message))
    for (const { id, first } of await findDoubles(transaction, ids, MAX_FINDINGS)) {
      suspicions.doubles.push({
        table: 'messages',
        row: id,
        expected: `one message to the contact: ${first}`,
        found: 'a second one',
      })
    }
    return total
  })
}

async function inSnapshot<T>(db: Database, work: (transaction: Transaction) => Promise<T>): Promise<T> {
  return db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only').execute(work)
}

/**
 * Looks again at what seemed wrong, after the history has caught up. A message that has moved in between is in good
 * hands and no finding.
 */
async function confirm(
  deps: HistoryDeps,
  suspects: readonly Suspect[],
  span: Span,
  options: ReconcileOptions,
): Promise<Verdict[]> {
  if (suspects.length === 0) return []
  const ids = suspects.map((message) => message.id)
  const before = new Map((await findMessages(deps.db, ids)).map((row) => [row.id, row]))
  await awaitHistory(deps, options.historyDeadlineMs ?? HISTORY_DEADLINE_MS)
  const history = new Map((await historyOfMessages(deps.analytics, suspects)).map((row) => [row.id, row]))
  const after = new Map((await findMessages(deps.db, ids)).map((row) => [row.id, row]))
  return ids.flatMap((id) => {
    if (JSON.stringify(before.get(id)) !== JSON.stringify(after.get(id))) return []
    const verdict = judgeMessage(after.get(id), history.get(id), span)
    return verdict === null ? [] : [verdict]
  })
}

async function findStrayFindings(deps: HistoryDeps): Promise<Finding[]> {
  const found = await findStrays(deps.db, MAX_FINDINGS)
  const findings = found.map((stray): Finding => {
    return {
      table: stray.table,
      row: stray.id,
      expected: `its campaign ${stray.campaign_id}`,
      found: 'no such campaign',
    }
  })
  let after = NO_CAMPAIGN
  while (findings.length < MAX_FINDINGS) {
    const page = await historyCampaigns(deps.analytics, after, PAGE_CAMPAIGNS)
    const last = page.at(-1)
    if (last === undefined) break
    const known = await knownCampaigns(
      deps.db,
      page.map((row) => row.campaign),
    )
    for (const row of page.filter(({ campaign }) => !known.has(campaign))) {
      findings.push({
        table: 'email_events',
        row: row.message,
        expected: `its campaign ${row.campaign}`,
        found: 'no such campaign',
      })
    }
    after = last.campaign
  }
  return findings
}

function suspectOf(message: { id: string; tenant_id: string; campaign_id: string | null }): Suspect {
  return { id: message.id, tenantId: message.tenant_id, campaignId: message.campaign_id ?? NO_CAMPAIGN }
}
