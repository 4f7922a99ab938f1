import { paginate, type PageQuery } from '@pigeon/sdk'
import { usageFailure } from '#exit-codes.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 100_000
const MAX_PAGE = 100

export const LIMIT_OPTION = {
  type: 'string',
  value: 'N',
  description: `How many at most (${DEFAULT_LIMIT}).`,
} as const

/** The first items of a list, over as many pages as that takes. */
export async function collect<Item>(
  limit: string | undefined,
  fetchPage: (page: PageQuery) => Promise<{ data: readonly Item[]; next_cursor: string | null }>,
): Promise<Item[]> {
  const most = limit === undefined ? DEFAULT_LIMIT : wholeNumber('--limit', limit, MAX_LIMIT)
  const items: Item[] = []
  for await (const item of paginate(fetchPage, Math.min(most, MAX_PAGE))) {
    items.push(item)
    if (items.length === most) break
  }
  return items
}

export function wholeNumber(name: string, text: string, max: number, min = 1): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : -1
  if (value >= min && value <= max) return value
  throw usageFailure(`${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(text)}.`)
}

/** One of a few words. */
export function oneOf<const Words extends readonly string[]>(
  name: string,
  text: string,
  words: Words,
): Words[number] {
  const found = words.find((word) => word === text)
  if (found !== undefined) return found
  throw usageFailure(`${name} is one of ${words.join(', ')}, not ${JSON.stringify(text)}.`)
}
