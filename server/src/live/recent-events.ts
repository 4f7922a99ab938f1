import { hasPassed, hasReached, type Place, type Position } from './position.ts'

/** An event of a message as it is told. */
export interface LiveEvent {
  readonly partition: number
  readonly place: Place
  /** Where a listener stands who has heard it. */
  readonly position: Position
  readonly messageId: string
  /** JSON of `event`, `timestamp` and `data`. */
  readonly text: string
}

/** What a tenant's messages went through lately, for those who come back after their connection was lost. */
export interface RecentEvents {
  push(event: LiveEvent): void
  /** What somebody who stands there has not heard; undefined when some of that is forgotten. */
  after(position: Position): LiveEvent[] | undefined
  /** Forgets everything: nothing before `position` can be told any more. */
  restart(position: Position): void
}

/** Trimmed in steps, so that a push costs little. */
const SLACK = 1.25

/** Keeps about `maxEvents`, and knows nothing from before `start`. */
export function createRecentEvents(start: Position, maxEvents: number): RecentEvents {
  let floor = start
  let events: LiveEvent[] = []
  return {
    push: (event) => {
      events.push(event)
      if (events.length <= maxEvents * SLACK) return
      const [forgotten] = events.slice(-maxEvents - 1)
      events = events.slice(-maxEvents)
      floor = forgotten?.position ?? floor
    },
    after: (position) =>
      hasReached(position, floor)
        ? events.filter((event) => !hasPassed(position, event.partition, event.place))
        : undefined,
    restart: (position) => {
      floor = position
      events = []
    },
  }
}
