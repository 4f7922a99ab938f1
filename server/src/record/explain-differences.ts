import type { Finding, TallyKey, Verdict } from './judge-message.ts'
import type { AcceptedDifference, TallyDifference } from './reconcile-ledger.store.ts'

/**
 * One wrong row disagrees with several others. A message in the wrong state makes two tallies wrong: then it is the
 * message that is named, and the tallies are named only as far as no message explains them.
 */
export function explainDifferences(
  verdicts: readonly Verdict[],
  tallies: readonly TallyDifference[],
  accepted: readonly AcceptedDifference[],
): Finding[] {
  const recounted = new Map(tallies.map((tally) => [keyOf(tally.campaign_id, tally), { ...tally }]))
  const messages = new Map(accepted.map((campaign) => [campaign.id, { ...campaign }]))
  const findings = verdicts.map((verdict) => {
    const [counted, belongs] = [verdict.counted, verdict.belongs].map((key) =>
      key === null ? undefined : recounted.get(keyOf(verdict.campaignId, key)),
    )
    const disagrees =
      (verdict.counted !== null && (counted === undefined || counted.recounted <= counted.stored)) ||
      (verdict.belongs !== null && (belongs === undefined || belongs.recounted >= belongs.stored))
    if (disagrees && verdict.otherwise !== null) return verdict.otherwise
    if (counted !== undefined) counted.recounted--
    if (belongs !== undefined) belongs.recounted++
    const campaign = messages.get(verdict.campaignId ?? '')
    if (verdict.isMissing && campaign !== undefined) campaign.messages++
    return verdict.finding
  })
  return [
    ...findings,
    ...[...messages.values()]
      .filter((campaign) => campaign.accepted !== campaign.messages)
      .map(acceptedFinding),
    ...[...recounted.values()].filter((tally) => tally.recounted !== tally.stored).map(tallyFinding),
  ]
}

function keyOf(campaignId: string | null, key: TallyKey): string {
  return [campaignId ?? '', key.provider, key.state, key.class, key.retried ? 'retried' : 'first'].join('/')
}

function acceptedFinding(campaign: AcceptedDifference): Finding {
  return {
    table: 'campaigns',
    row: campaign.id,
    expected: `accepted ${campaign.messages}, the number of its messages`,
    found: String(campaign.accepted),
  }
}

function tallyFinding(tally: TallyDifference): Finding {
  return {
    table: 'campaign_tallies',
    row: keyOf(tally.campaign_id, tally),
    expected: `count ${tally.recounted}`,
    found: String(tally.stored),
  }
}
