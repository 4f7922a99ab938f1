import { Type } from 'typebox'

/** Counting stops here: a million rows are not read to say how many they are. */
export const COUNTED_AT_MOST = 10_000

/** A number that is at most `COUNTED_AT_MOST`: when `or_more`, there are more. */
export interface Count {
  readonly count: number
  readonly or_more: boolean
}

export const CountSchema = Type.Object(
  {
    count: Type.Integer({ minimum: 0, maximum: COUNTED_AT_MOST }),
    or_more: Type.Boolean({ description: `Counting stops at ${COUNTED_AT_MOST}: there are more.` }),
  },
  { $id: 'BoundedCount' },
)

/** Of rows that were read up to `COUNTED_AT_MOST` and one more. */
export function countOf(rows: number): Count {
  return { count: Math.min(rows, COUNTED_AT_MOST), or_more: rows > COUNTED_AT_MOST }
}
