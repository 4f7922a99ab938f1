import type { Kill } from './kill.ts'

export interface KilledPoint {
  readonly point: string
  readonly open: number
  readonly mayComeAgain: number
  /** Of those, messages that did come again. */
  readonly duplicates: number
}

/**
 * What is wrong with the copies that receivers got, by id of the message: one sentence a fault, nothing when all is well.
 * A message may come once more for each kill that left its final dot sent and its outcome nowhere; it must come again when
 * the receiver had it and the sender could not know; and a kill doubles at most one message a connection.
 */
export function faultsIn(copies: ReadonlyMap<string, number>, kills: readonly Kill[]): string[] {
  const faults: string[] = []
  for (const [messageId, count] of copies) {
    const explained = kills.filter((kill) => kill.mayComeAgain.has(messageId)).length
    if (count > 1 + explained)
      faults.push(`${messageId} came ${count} times, and kills explain ${explained} copies more than one.`)
    if (count === 0) faults.push(`${messageId} never came.`)
  }
  for (const { point, victim } of kills)
    if (victim?.comesTwice === true && (copies.get(victim.messageId) ?? 0) < 2)
      faults.push(`${point}: the receiver had ${victim.messageId}, nobody knew, and it did not come again.`)
  for (const { point, open, duplicates } of killedPoints(copies, kills))
    if (duplicates > open) faults.push(`${point}: ${duplicates} duplicates with ${open} open connections.`)
  return faults
}

export function killedPoints(copies: ReadonlyMap<string, number>, kills: readonly Kill[]): KilledPoint[] {
  return kills.map(({ point, open, mayComeAgain }) => {
    const duplicates = [...mayComeAgain].filter((messageId) => (copies.get(messageId) ?? 0) > 1).length
    return { point, open, mayComeAgain: mayComeAgain.size, duplicates }
  })
}
