import type { BounceClass } from '@pigeon/mail/bounce-class.ts'
import type { SendingMode } from '#platform/postgres/database.gen.ts'
import type { Transaction } from '#platform/postgres/database.ts'
import { storeSuppressions } from './add-suppressions.ts'
import { BOUNCE_LIMITS, judgeBounce, NO_STRIKES, weightOf, type Strikes } from './bounce-policy.ts'
import { countEndings, type Ending } from './provider-endings.ts'
import { keyOfRecipient } from './recipient-key.ts'
import { modeLearnedIn } from './suppression.ts'
import { selectHeldSince } from './spike.store.ts'
import { deleteStrikes, endDoubts, lockStrikes, saveStrikes, type StrikeRow } from './strikes.store.ts'
import type { SuppressionRow } from './suppressions.store.ts'

/** That a message did not arrive, whenever that was heard. Each message gives one. */
export interface Bounce {
  readonly tenantId: string
  readonly messageId: string
  readonly mode: SendingMode
  readonly recipient: string
  readonly provider: string
  readonly class: BounceClass
  /** Refused for good. */
  readonly isHard: boolean
  readonly at: Date
}

/** What a batch of endings says about addresses. */
export interface Lesson {
  /** One a message that ended now: delivered, or refused. Late bounces are of messages that had ended before. */
  readonly endings: readonly Ending[]
  readonly bounces: readonly Bounce[]
  readonly deliveredIds: readonly string[]
}

/**
 * Suppresses whom these bounces speak against enough, by the rules of `bounce-policy.ts`, in the transaction of the engine that
 * records them. While "user unknown" jumps at a provider, its refusals are held back instead.
 */
export async function learnFromBounces(transaction: Transaction, lesson: Lesson, now: Date): Promise<void> {
  const bounces = lesson.bounces.filter((bounce) => weightOf(bounce) !== 'none').map(withKey)
  const spikes = await countEndings(
    transaction,
    lesson.endings,
    bounces.filter((bounce) => bounce.class === 'unknown_user' && bounce.isHard),
    now,
  )
  if (lesson.deliveredIds.length > 0) await endDoubts(transaction, lesson.deliveredIds)
  if (bounces.length === 0) return
  const judged = await judgeAll(transaction, bounces, now)
  const recently = new Date(now.getTime() - BOUNCE_LIMITS.ambiguousApartMs)
  const held = await selectHeldSince(
    transaction,
    judged.map((each) => each.row),
    recently,
  )
  const rows = judged.map(({ bounce, row }, index) =>
    row.reason === 'hard_bounce' && (held.has(index) || isOfSpike(bounce, spikes))
      ? { ...row, heldAt: now }
      : row,
  )
  await storeSuppressions(transaction, rows, now)
}

interface KeyedBounce extends Bounce {
  readonly addressKey: string
}

function withKey(bounce: Bounce): KeyedBounce {
  return { ...bounce, addressKey: keyOfRecipient(bounce.recipient) }
}

function isOfSpike(bounce: Bounce, spikes: ReadonlySet<string>): boolean {
  return bounce.class === 'unknown_user' && spikes.has(`${bounce.mode}/${bounce.provider}`)
}

interface Judged {
  readonly bounce: KeyedBounce
  readonly row: SuppressionRow & { readonly mode: SendingMode | null }
}

/** Whom to suppress. What is not enough for that is remembered. */
async function judgeAll(
  transaction: Transaction,
  bounces: readonly KeyedBounce[],
  now: Date,
): Promise<Judged[]> {
  const doubtful = bounces.filter((bounce) => weightOf(bounce) !== 'certain')
  const locked = doubtful.length === 0 ? [] : await lockStrikes(transaction, doubtful, now)
  const strikes = new Map<string, Strikes>(locked.map((row) => [keyOf(row), row]))
  const judged = new Map<string, Judged>()
  for (const bounce of bounces) {
    const key = keyOf(bounce)
    const judgement = judgeBounce(strikes.get(key) ?? NO_STRIKES, weightOf(bounce), bounce.at)
    if (judgement.suppress === null) {
      strikes.set(key, judgement.strikes)
      continue
    }
    if (judged.get(key)?.row.reason === 'hard_bounce') continue
    const { tenantId, addressKey, messageId } = bounce
    const { suppress: reason, expiresAt } = judgement
    const mode = modeLearnedIn(bounce.mode)
    judged.set(key, {
      bounce,
      row: { tenantId, addressKey, listId: null, reason, mode, messageId, expiresAt },
    })
  }
  if (locked.length > 0) await keepStrikes(transaction, locked, strikes, judged)
  return [...judged.values()]
}

async function keepStrikes(
  transaction: Transaction,
  locked: readonly StrikeRow[],
  strikes: ReadonlyMap<string, Strikes>,
  judged: ReadonlyMap<string, Judged>,
): Promise<void> {
  const over = locked.filter((row) => judged.has(keyOf(row)))
  const left = locked.filter((row) => !judged.has(keyOf(row)))
  if (over.length > 0) await deleteStrikes(transaction, over)
  if (left.length > 0)
    await saveStrikes(
      transaction,
      left.map((row) => ({ ...row, ...strikes.get(keyOf(row)) })),
    )
}

function keyOf(of: {
  readonly tenantId: string
  readonly mode: SendingMode
  readonly addressKey: string
}): string {
  return `${of.tenantId}/${of.mode}/${of.addressKey}`
}
