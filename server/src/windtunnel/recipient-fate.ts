import type { Habits } from './habits.schema.ts'
import type { Situation } from './profile.ts'
import { seededShare } from './seeded-hash.ts'

const TRIGGERS = [
  'unknown',
  'full',
  'inactive',
  'greylist',
  'tempfail',
  'reject',
  'blocked',
  'spam',
  'slow',
  'cut',
  'complain',
] as const
export type Trigger = (typeof TRIGGERS)[number]

/**
 * Local parts that begin with one of these words bring about its habit, whatever the shares say.
 * `tempfail` fails for ever, `tempfail3` three times.
 */
const TRIGGER = new RegExp(`^(${TRIGGERS.join('|')})(\\d{1,4})?`, 'i')

/** What the word at the beginning of an address asks for, if there is one. */
export function triggerOf(recipient: string): { word: Trigger | undefined; times: number | undefined } {
  const match = TRIGGER.exec(recipient)
  if (match === null) return NOTHING
  const said = match[1]?.toLowerCase()
  const word = TRIGGERS.find((trigger) => trigger === said)
  return { word, times: match[2] === undefined ? undefined : Number(match[2]) }
}

const NOTHING = { word: undefined, times: undefined }

/** What is true of a recipient for good: it does not change from one attempt to the next. */
const FATES = new Map<Trigger, Situation>([
  ['unknown', 'unknown_user'],
  ['full', 'mailbox_full'],
  ['inactive', 'inactive'],
  ['reject', 'rejected'],
  ['blocked', 'blocked'],
])

/** Whether a share of all recipients includes this one, by the seed. */
export function happens(seed: number, share: number, what: string, recipient: string): boolean {
  return share > 0 && (share >= 1 || seededShare(seed, `${what} ${recipient}`) < share)
}

/** How a recipient is for good, by word or by the seed; undefined for one whose mailbox takes mail. */
export function fateOf(
  seed: number,
  habits: Habits,
  recipient: string,
  word: Trigger | undefined,
): Situation | undefined {
  if (word !== undefined) return FATES.get(word)
  if (happens(seed, habits.unknown_user_share, 'unknown', recipient)) return 'unknown_user'
  return happens(seed, habits.mailbox_full_share, 'full', recipient) ? 'mailbox_full' : undefined
}

/** Whether this recipient would complain about what it receives. */
export function wouldComplain(seed: number, habits: Habits, recipient: string): boolean {
  return (
    triggerOf(recipient).word === 'complain' || happens(seed, habits.complaint_share, 'complain', recipient)
  )
}

/** How late this step is answered when the transaction has these recipients: real milliseconds. */
export function delayMs(seed: number, habits: Habits, recipients: readonly string[]): number {
  const { slow_delay_ms, slow_share, step_delay_ms } = habits
  const isSlow = recipients.some(
    (recipient) => triggerOf(recipient).word === 'slow' || happens(seed, slow_share, 'slow', recipient),
  )
  return isSlow ? slow_delay_ms + step_delay_ms : step_delay_ms
}
