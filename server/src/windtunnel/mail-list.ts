import type { Entry } from './mail-entry.ts'

export interface MessageFilter {
  readonly tenant?: string | undefined
  readonly campaign?: string | undefined
  readonly recipient?: string | undefined
  /** Only messages with a smaller sequence number. */
  readonly before?: number | undefined
  readonly limit: number
}

/** The newest entries that fit, newest first. `entries` ascend by sequence. */
export function listEntries(entries: readonly Entry[], filter: MessageFilter): readonly Entry[] {
  const recipient = filter.recipient?.toLowerCase()
  const found: Entry[] = []
  const start =
    filter.before === undefined ? entries.length : positionOf(entries, filter.before, 'at or after')
  for (let at = start - 1; at >= 0 && found.length < filter.limit; at--) {
    const entry = entries[at]
    if (entry === undefined) break
    if (filter.tenant !== undefined && entry.tenant !== filter.tenant) continue
    if (filter.campaign !== undefined && entry.campaign !== filter.campaign) continue
    if (recipient !== undefined && !entry.rcpt_to.some((address) => address.toLowerCase() === recipient))
      continue
    found.push(entry)
  }
  return found
}

/** Binary search by sequence: the position of the entry (-1 when it is not there), or where it would stand. */
export function positionOf(
  entries: readonly Entry[],
  sequence: number,
  want: 'exact' | 'at or after' = 'exact',
): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle]?.sequence ?? 0) < sequence) low = middle + 1
    else high = middle
  }
  return want === 'at or after' || entries[low]?.sequence === sequence ? low : -1
}
