import type { Clock } from '#platform/clock.ts'
import type { Habits } from './habits.schema.ts'
import type { Profile, Situation } from './profile.ts'
import { seededShare } from './seeded-hash.ts'

/** Attempts, greylisted triplets and cut messages remembered per provider; the oldest are forgotten first. */
const MAX_REMEMBERED = 200_000

/** How one provider decides. Everything but the rate follows from the seed and what it was offered before. */
export interface Behaviour {
  readonly profile: Profile
  /** May be replaced as a whole at run time. */
  habits: Habits
  /** A visitor connects, `open` connections from its address being open already. */
  onConnect(open: number): Situation | undefined
  /** A transaction begins: the rate of messages. */
  onMail(): Situation | undefined
  onRecipient(visitor: Visitor, recipient: string): Situation | undefined
  /** The message is complete: what becomes of it. */
  onContent(visitor: Visitor, recipients: readonly string[]): 'accept' | 'cut' | Situation
  /** How long the answers of this step take when the transaction has these recipients. */
  delayMs(recipients: readonly string[]): number
  /** Forgets attempts, triplets and cuts. */
  forget(): void
}

export interface Visitor {
  readonly ip: string
  readonly mailFrom: string
}

type Trigger =
  | 'unknown'
  | 'full'
  | 'inactive'
  | 'greylist'
  | 'tempfail'
  | 'reject'
  | 'blocked'
  | 'spam'
  | 'slow'
  | 'cut'

/**
 * Local parts that begin with one of these words bring about its habit, whatever the shares say.
 * `tempfail` fails for ever, `tempfail3` three times.
 */
const TRIGGER = /^(unknown|full|inactive|greylist|tempfail|reject|blocked|spam|slow|cut)(\d{1,4})?/i

function triggerOf(recipient: string): { word: Trigger | undefined; times: number | undefined } {
  const match = TRIGGER.exec(recipient)
  if (match === null) return { word: undefined, times: undefined }
  const word = TRIGGERS.get(match[1]?.toLowerCase() ?? '')
  return { word, times: match[2] === undefined ? undefined : Number(match[2]) }
}

const TRIGGERS = new Map<string, Trigger>(
  (
    [
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
    ] as const
  ).map((word) => [word, word]),
)

export function createBehaviour(
  deps: { clock: Pick<Clock, 'monotonicMs'> },
  profile: Profile,
  seed: number,
): Behaviour {
  const refusals = createMemory<number>()
  const greylist = createMemory<number>()
  const alreadyCut = createMemory<true>()
  const bucket = { tokens: Number.POSITIVE_INFINITY, filledAtMs: deps.clock.monotonicMs() }
  const happens = (share: number, what: string) => share > 0 && seededShare(seed, what) < share

  /** Counts refusals of this message to this recipient: the number of the attempt, from the provider's view. */
  const temporarily = (key: string, situation: Situation): Situation => {
    refusals.set(key, (refusals.get(key) ?? 0) + 1)
    return situation
  }

  const isGreylisted = (habits: Habits, visitor: Visitor, recipient: string): boolean => {
    const triplet = `${visitor.ip} ${domainOf(visitor.mailFrom)} ${recipient}`
    const nowMs = deps.clock.monotonicMs()
    const firstSeenMs = greylist.get(triplet)
    if (firstSeenMs === undefined) greylist.set(triplet, nowMs)
    return firstSeenMs === undefined || nowMs - firstSeenMs < habits.greylist_delay_ms
  }

  const behaviour: Behaviour = {
    profile,
    habits: profile.habits,
    onConnect: (open) => {
      const limit = behaviour.habits.connections_per_address
      return limit > 0 && open >= limit ? 'too_many_connections' : undefined
    },
    onMail: () =>
      takeToken(bucket, behaviour.habits, deps.clock.monotonicMs()) ? undefined : 'rate_limited',
    onRecipient: (visitor, recipient) => {
      const { habits } = behaviour
      const key = `${visitor.mailFrom} ${recipient}`
      const { word, times } = triggerOf(recipient)
      const fate = fateOf(habits, word, happens, recipient)
      if (fate === 'mailbox_full') {
        return (refusals.get(key) ?? 0) > 0 ? 'mailbox_still_full' : temporarily(key, fate)
      }
      if (fate !== undefined) return fate
      if (word === 'tempfail' && (refusals.get(key) ?? 0) < (times ?? Number.POSITIVE_INFINITY)) {
        return temporarily(key, 'temporary_failure')
      }
      if (
        happens(habits.temporary_failure_share, `tempfail ${recipient}`) &&
        refusals.get(key) === undefined
      ) {
        return temporarily(key, 'temporary_failure')
      }
      const greylists = word === 'greylist' || happens(habits.greylist_share, `greylist ${recipient}`)
      return greylists && isGreylisted(habits, visitor, recipient) ? 'greylisted' : undefined
    },
    onContent: (visitor, recipients) => {
      for (const recipient of recipients) {
        const { word } = triggerOf(recipient)
        if (word === 'spam') return 'spam'
        const key = `${visitor.mailFrom} ${recipient}`
        const isCut = word === 'cut' || happens(behaviour.habits.cut_share, `cut ${recipient}`)
        if (isCut && alreadyCut.get(key) === undefined) {
          alreadyCut.set(key, true)
          return 'cut'
        }
      }
      return 'accept'
    },
    delayMs: (recipients) => {
      const { slow_delay_ms, slow_share, step_delay_ms } = behaviour.habits
      const isSlow = recipients.some(
        (recipient) => triggerOf(recipient).word === 'slow' || happens(slow_share, `slow ${recipient}`),
      )
      return isSlow ? slow_delay_ms + step_delay_ms : step_delay_ms
    },
    forget: () => {
      for (const memory of [refusals, greylist, alreadyCut]) memory.clear()
    },
  }
  return behaviour
}

/** What is true of a recipient for good: it does not change from one attempt to the next. */
const FATES = new Map<Trigger, Situation>([
  ['unknown', 'unknown_user'],
  ['full', 'mailbox_full'],
  ['inactive', 'inactive'],
  ['reject', 'rejected'],
  ['blocked', 'blocked'],
])

function fateOf(
  habits: Habits,
  word: Trigger | undefined,
  happens: (share: number, what: string) => boolean,
  recipient: string,
): Situation | undefined {
  if (word !== undefined) return FATES.get(word)
  if (happens(habits.unknown_user_share, `unknown ${recipient}`)) return 'unknown_user'
  return happens(habits.mailbox_full_share, `full ${recipient}`) ? 'mailbox_full' : undefined
}

/** A token bucket: `messages_per_second` a second, at most `burst` (or one second's worth) saved up. */
function takeToken(bucket: { tokens: number; filledAtMs: number }, habits: Habits, nowMs: number): boolean {
  const rate = habits.messages_per_second
  if (rate === 0) return true
  const size = habits.burst > 0 ? habits.burst : rate
  bucket.tokens = Math.min(size, bucket.tokens + ((nowMs - bucket.filledAtMs) * rate) / 1000)
  bucket.filledAtMs = nowMs
  if (bucket.tokens < 1) return false
  bucket.tokens -= 1
  return true
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase()
}

/** A map that forgets its oldest entries when it is full. */
function createMemory<Value>() {
  const entries = new Map<string, Value>()
  return {
    get: (key: string) => entries.get(key),
    set: (key: string, value: Value) => {
      if (entries.size >= MAX_REMEMBERED && !entries.has(key)) {
        const oldest = entries.keys().next()
        if (oldest.done !== true) entries.delete(oldest.value)
      }
      entries.set(key, value)
    },
    clear: () => entries.clear(),
  }
}
