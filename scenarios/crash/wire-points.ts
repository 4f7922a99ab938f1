import assert from 'node:assert/strict'
import { waitFor } from '@pigeon/server/test/wait-for.ts'
import { ARRIVED_MOMENTS, type Conversation, type Gate, type Moment } from './gate.ts'
import { dotOf, type LeftJournal } from './journals.ts'
import { delivererOf, killDeliverer, stopNow, type Point } from './kill.ts'
import type { Stage } from './stage.ts'

/** A point that the gate before the receiver sees. */
interface WirePoint {
  readonly name: string
  readonly moment: Moment
  /** What the journal must say about the message in hand. */
  readonly journal?: 'no dot' | 'dot, no outcome'
  readonly comesTwice?: true
}

const POINTS: readonly WirePoint[] = [
  { name: 'at-connect', moment: 'connect' },
  { name: 'after-greeting', moment: 'greeting' },
  { name: 'at-ehlo', moment: 'ehlo' },
  { name: 'at-starttls', moment: 'starttls' },
  { name: 'before-handshake', moment: 'tls' },
  { name: 'before-mail', moment: 'features' },
  { name: 'at-mail', moment: 'mail', journal: 'no dot' },
  { name: 'at-rcpt', moment: 'rcpt', journal: 'no dot' },
  { name: 'at-data', moment: 'data', journal: 'no dot' },
  { name: 'before-journal', moment: 'go-ahead', journal: 'no dot' },
  { name: 'in-content', moment: 'content', journal: 'dot, no outcome' },
  { name: 'at-dot', moment: 'dot', journal: 'dot, no outcome' },
  { name: 'after-dot', moment: 'taken', journal: 'dot, no outcome', comesTwice: true },
  { name: 'after-250', moment: 'reply', journal: 'dot, no outcome', comesTwice: true },
]

/** Of the first conversations that come to a moment of a connection, and of a message. */
const [FIRST_CONNECTIONS, FIRST_MESSAGES] = [2, 8]
const COMES_DEADLINE_MS = 120_000

/** Before MAIL, at each step to the final dot, and after its reply: as the receiver sees it. */
export const WIRE_POINTS: readonly Point[] = POINTS.map((point) => ({
  name: point.name,
  kill: async (stage, site, choose) => {
    const among = point.journal === undefined ? FIRST_CONNECTIONS : FIRST_MESSAGES
    const nth = 1 + Math.floor(choose('nth') * among)
    const deliverer = await delivererOf(stage, site)
    const met = await meet(stage, site.gate, { moment: point.moment, nth }, () => stopNow(deliverer.pid))
    const envelope = point.comesTwice === true ? met.dotted : met.current
    const attempt = envelope === undefined ? 0 : await attemptOf(stage, envelope.messageId)
    const { open, mayComeAgain, journal } = await killDeliverer(stage, site, deliverer)
    if (point.journal === undefined || envelope === undefined)
      return { point: point.name, open, mayComeAgain }
    checkJournal(point, { messageId: envelope.messageId, attempt }, journal)
    const victim = { messageId: envelope.messageId, comesTwice: point.comesTwice === true }
    return { point: point.name, open, mayComeAgain, victim }
  },
}))

/** Which attempt of a message is under way: an earlier one may have its dot in the journal. */
async function attemptOf({ session }: Stage, messageId: string): Promise<number> {
  const [row] = await session.query('select attempt from deliveries where message_id = $1', [messageId])
  return Number(row?.attempt)
}

function checkJournal(
  { name, journal: says }: WirePoint,
  { messageId, attempt }: { readonly messageId: string; readonly attempt: number },
  journal: LeftJournal,
): void {
  assert.equal(
    journal.dots.has(dotOf(messageId, attempt)),
    says === 'dot, no outcome',
    `${name}: the dot of ${messageId} in the journal`,
  )
  assert.equal(journal.delivered.has(messageId), false, `${name}: the outcome of ${messageId} in the journal`)
}

/**
 * Waits until the `nth` conversation from now on comes to a moment. What the sender has said is then held; a reply is
 * passed on, but only after `stop`: it has arrived, and the sender has not read it.
 */
async function meet(
  stage: Stage,
  gate: Gate,
  { moment, nth }: { moment: Moment; nth: number },
  stop: () => void,
): Promise<Conversation> {
  const isArriving = ARRIVED_MOMENTS.some((each) => each === moment)
  let left = nth
  let last: Conversation | undefined
  let met: Conversation | undefined
  gate.watch({
    moment,
    judge: (conversation) => {
      left -= 1
      if (left > 0) return 'pass'
      // Others may come to the moment before the process is gone.
      last ??= conversation
      if (isArriving && left === 0) stop()
      else met ??= { ...conversation }
      return isArriving ? 'pass' : 'hold'
    },
    passed: (conversation) => {
      // What was passed on before it may be in the other's kernel only now, and that one still hears it.
      if (conversation === last) met ??= { ...conversation }
    },
  })
  stage.letThrough()
  try {
    return await waitFor(`a conversation to come to ${moment}`, () => met, COMES_DEADLINE_MS)
  } finally {
    gate.watch(undefined)
  }
}
