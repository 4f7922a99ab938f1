/**
 * When "user unknown" jumps at a provider, the provider may be at fault (a lost directory, a broken migration), and its
 * refusals say little about the mailboxes. All tenants' mail is counted together.
 */
export const SPIKE = {
  /** What is looked at, and in which steps it is counted. */
  windowMs: 30 * 60_000,
  stepMs: 5 * 60_000,
  /** So many unknown mailboxes in the window at least, */
  unknownUsers: 50,
  /** this share of what ended there, */
  share: 0.2,
  /** and so many times the share of the days before the window, */
  timesUsual: 4,
  /** as far as so many messages ended in those days that they have a usual share. */
  usualMessages: 1_000,
  usualMs: 7 * 86_400_000,
  /** However many are usual: when so many are unknown the provider knows nobody. */
  shareOfAll: 0.9,
} as const

/** Messages to one provider: in the window, and in the days before it. */
export interface Endings {
  readonly ended: number
  readonly unknownUsers: number
  readonly usualEnded: number
  readonly usualUnknownUsers: number
}

export function isSpike(endings: Endings): boolean {
  const { ended, unknownUsers, usualEnded, usualUnknownUsers } = endings
  const share = unknownUsers / Math.max(ended, unknownUsers, 1)
  if (unknownUsers < SPIKE.unknownUsers || share < SPIKE.share) return false
  if (usualEnded < SPIKE.usualMessages) return true
  const jumped = (usualUnknownUsers / usualEnded) * SPIKE.timesUsual
  return share >= Math.min(jumped, SPIKE.shareOfAll)
}

/** The beginning of the step in which `at` is counted. */
export function stepOf(at: Date): Date {
  return new Date(Math.floor(at.getTime() / SPIKE.stepMs) * SPIKE.stepMs)
}
