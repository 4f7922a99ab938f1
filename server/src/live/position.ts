/** In one partition: the offset of the next record, and how many of its events have been passed already. */
export interface Place {
  readonly offset: bigint
  readonly index: number
}

/**
 * Where somebody stands in all partitions of a topic. Partitions have no order among each other and two processes read
 * them in different orders, so one offset alone would not say what was seen.
 */
export type Position = readonly Place[]

const PLACE = /^(\d{1,19})\.(\d{1,9})$/

/** As clients get it, and give it back as `last_event_id`. */
export function formatPosition(position: Position): string {
  return position.map(({ offset, index }) => `${offset}.${index}`).join('-')
}

/** Undefined for what `formatPosition` has not made of a position in this many partitions. */
export function parsePosition(text: string, partitions: number): Position | undefined {
  const places = text.split('-', partitions + 1).map((part): Place | undefined => {
    const [, offset, index] = PLACE.exec(part) ?? []
    return offset === undefined ? undefined : { offset: BigInt(offset), index: Number(index) }
  })
  const known = places.filter((place) => place !== undefined)
  return known.length === partitions && places.length === partitions ? known : undefined
}

/** Whether nothing before `other` lies behind `position`: in every partition it stands there or further on. */
export function hasReached(position: Position, other: Position): boolean {
  return other.every((place, partition) => isAtOrAfter(position[partition], place))
}

/** Whether the event at this place of a partition has been passed. */
export function hasPassed(position: Position, partition: number, event: Place): boolean {
  return isAtOrAfter(position[partition], { offset: event.offset, index: event.index + 1 })
}

/** The position after the event at this place. */
export function passing(position: Position, partition: number, event: Place): Position {
  return position.with(partition, { offset: event.offset, index: event.index + 1 })
}

function isAtOrAfter(place: Place | undefined, other: Place): boolean {
  if (place === undefined) return false
  return place.offset > other.offset || (place.offset === other.offset && place.index >= other.index)
}
