import { happens, triggerOf } from '#windtunnel/recipient-fate.ts'
import { seededShare } from '#windtunnel/seeded-hash.ts'
import type { Afterwards } from './afterwards.schema.ts'

export const ACTION_KINDS = [
  'bounce',
  'complaint',
  'prefetch',
  'scan',
  'open',
  'click',
  'unsubscribe',
  'auto_reply',
] as const
export type ActionKind = (typeof ACTION_KINDS)[number]

export interface PlannedAction {
  readonly kind: ActionKind
  /** Milliseconds of the windtunnel's own time, from when the message was accepted. */
  readonly afterMs: number
}

/** The message whose afterwards is decided: a copy of it to the same recipient fares the same. */
export interface MailToDecide {
  readonly messageId: string
  readonly recipient: string
}

/** The longest delay is so many times the median: one in a million would be later. */
const MAX_DELAY_MEDIANS = 20
/** Machines look at a message that has just come. */
const AT_ONCE_MS = 1_000

/**
 * What comes of one accepted message, the soonest first. Pure: the same seed and message give the same. A message that
 * bounces has no reader; a recipient whose address begins with `complain` complains.
 */
export function decideAfterwards(habits: Afterwards, seed: number, mail: MailToDecide): PlannedAction[] {
  const key = `${mail.recipient} ${mail.messageId}`
  const isChosen = (share: number, what: string) => happens(seed, share, `after ${what}`, key)
  const after = (medianMs: number, what: string) =>
    delayOf(medianMs, seededShare(seed, `when ${what} ${key}`))
  if (isChosen(habits.bounce_share, 'bounce'))
    return [{ kind: 'bounce', afterMs: after(habits.bounce_delay_ms, 'bounce') }]
  const actions: PlannedAction[] = []
  const plan = (isWanted: boolean, kind: ActionKind, medianMs: number) => {
    if (isWanted) actions.push({ kind, afterMs: after(medianMs, kind) })
  }
  plan(isChosen(habits.prefetch_share, 'prefetch'), 'prefetch', AT_ONCE_MS)
  plan(isChosen(habits.scan_share, 'scan'), 'scan', AT_ONCE_MS)
  if (isChosen(habits.open_share, 'open')) {
    const openedMs = after(habits.open_delay_ms, 'open')
    actions.push({ kind: 'open', afterMs: openedMs })
    if (isChosen(habits.click_share, 'click'))
      actions.push({ kind: 'click', afterMs: openedMs + after(habits.click_delay_ms, 'click') })
  }
  const complains =
    triggerOf(mail.recipient).word === 'complain' || isChosen(habits.complaint_share, 'complaint')
  plan(complains, 'complaint', habits.complaint_delay_ms)
  plan(isChosen(habits.unsubscribe_share, 'unsubscribe'), 'unsubscribe', habits.unsubscribe_delay_ms)
  plan(isChosen(habits.auto_reply_share, 'auto_reply'), 'auto_reply', habits.auto_reply_delay_ms)
  return actions.toSorted((a, b) => a.afterMs - b.afterMs)
}

/** Exponential, so that half of all come within the median; `chance` from 0 (inclusive) to 1 (exclusive). */
function delayOf(medianMs: number, chance: number): number {
  return Math.round(medianMs * Math.min(-Math.log2(1 - chance), MAX_DELAY_MEDIANS))
}
