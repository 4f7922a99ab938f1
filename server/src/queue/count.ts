import { Type } from 'typebox'

/** Counting stops here: a million rows are not read to say how many they are. */
export const COUNTED_AT_MOST = 10_000

/** When one answer counts for many, counting stops earlier: an answer stays below about 100,000 rows. */
const COUNTED_FOR_MANY = 1_000
const MANY = 10

/** Where counting stops for each of so many in one answer. */
export function mostFor(things: number): number {
  return things > MANY ? COUNTED_FOR_MANY : COUNTED_AT_MOST
}

/** A number that is at most where counting stops: when `or_more`, there are more. */
export interface Count {
  readonly count: number
  readonly or_more: boolean
}

export const CountSchema = Type.Object(
  {
    count: Type.Integer({ minimum: 0, maximum: COUNTED_AT_MOST }),
    or_more: Type.Boolean({ description: 'Counting has stopped here: there are more.' }),
  },
  { $id: 'BoundedCount' },
)

/** Of rows that were read up to `most` and one more. */
export function countOf(rows: number, most = COUNTED_AT_MOST): Count {
  return { count: Math.min(rows, most), or_more: rows > most }
}
