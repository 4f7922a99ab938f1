import type { Finding } from './judge-message.ts'
import type { Suspect } from './reconcile-history.store.ts'
import type { AcceptedDifference, TallyDifference } from './reconcile-ledger.store.ts'

/** Findings are for people: so many are looked at one by one. */
export const MAX_FINDINGS = 1_000
/** What the history writes for messages of no campaign. */
export const NO_CAMPAIGN = '00000000-0000-0000-0000-000000000000'

/** What seemed wrong on the way, to be looked at again. */
export interface Suspicions {
  readonly tallies: TallyDifference[]
  readonly accepted: AcceptedDifference[]
  readonly doubles: Finding[]
  readonly messages: Map<string, Suspect>
}

export function suspect(suspicions: Suspicions, message: Suspect): void {
  if (!isFull(suspicions)) suspicions.messages.set(message.id, message)
}

export function isFull(suspicions: Suspicions): boolean {
  return suspicions.messages.size >= MAX_FINDINGS
}
