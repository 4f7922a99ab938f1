import { Problem } from '#platform/problem.ts'
import { isUuid } from '#platform/ids.ts'
import { DEFAULT_PAGE_ROWS } from './schemas.ts'

/** What a list is asked for, after validation. */
export interface PageRequest {
  readonly limit?: number
  readonly cursor?: string
}

export interface PageOf<T> {
  data: T[]
  has_more: boolean
  next_cursor: string | null
}

/** The place after a row, as an opaque word: base64url of the values that the list is sorted by. */
export function encodeCursor(values: readonly string[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

/** Throws a Problem unless `cursor` was made by `encodeCursor` from this many values. */
export function decodeCursor(cursor: string, count: number): string[] {
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (
      Array.isArray(values) &&
      values.length === count &&
      values.every((value) => typeof value === 'string')
    )
      return values
  } catch (error) {
    throw badCursor(error)
  }
  throw badCursor()
}

function badCursor(cause?: unknown): Problem {
  const message = 'Use next_cursor of an earlier page as it is, or leave cursor out to begin at the start.'
  return new Problem('invalid', 'paging.bad_cursor', message, {
    errors: [{ field: 'cursor', code: 'paging.bad_cursor', message }],
    cause,
  })
}

/** How many rows a store must read: one more than the page holds shows whether there is a next page. */
export function rowsToRead(page: PageRequest): number {
  return rowsOfPage(page) + 1
}

function rowsOfPage(page: PageRequest): number {
  return page.limit ?? DEFAULT_PAGE_ROWS
}

/** The id after which the page begins, for lists that are sorted by id; `null` is the start. */
export function afterId(page: PageRequest): string | null {
  if (page.cursor === undefined) return null
  const [id = ''] = decodeCursor(page.cursor, 1)
  if (!isUuid(id)) throw badCursor()
  return id
}

/**
 * Makes a page of `rowsToRead` rows. `cursorOf` gives the values that the list is sorted by; for a list sorted by id
 * leave it out.
 */
export function toPage<T extends { id: string }>(rows: readonly T[], page: PageRequest): PageOf<T>
export function toPage<T>(
  rows: readonly T[],
  page: PageRequest,
  cursorOf: (row: T) => readonly string[],
): PageOf<T>
export function toPage<T extends { id?: string }>(
  rows: readonly T[],
  page: PageRequest,
  cursorOf: (row: T) => readonly string[] = (row) => [row.id ?? ''],
): PageOf<T> {
  const limit = rowsOfPage(page)
  const data = rows.slice(0, limit)
  const last = data.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { data, has_more: hasMore, next_cursor: hasMore ? encodeCursor(cursorOf(last)) : null }
}
