import { ACTION_KINDS } from './decide-afterwards.ts'
import type { ActionKind } from './decide-afterwards.ts'

/**
 * `planned` = `done` + `refused` + `nothing` + `failed` + `dropped` + what is pending. `refused`: it leads elsewhere, or was
 * refused for good; `nothing`: the message offers no such thing; `failed`: given up after the last attempt; `dropped`: more
 * was pending than there is room for.
 */
export const ACTION_ENDS = ['planned', 'done', 'refused', 'nothing', 'failed', 'dropped'] as const
export type ActionEnd = (typeof ACTION_ENDS)[number]

export type AfterwardsCounts = Readonly<Record<string, Readonly<Record<ActionEnd, number>>>>

/** How often each thing was planned, and how it ended. */
export interface AfterwardsCounters {
  count(kind: ActionKind, end: ActionEnd): void
  read(): AfterwardsCounts
  clear(): void
}

export function createAfterwardsCounters(): AfterwardsCounters {
  let counts = fresh()
  return {
    count: (kind, end) => {
      const ofKind = counts.get(kind)
      if (ofKind !== undefined) ofKind[end] += 1
    },
    read: () => Object.fromEntries([...counts].map(([kind, ends]) => [kind, { ...ends }])),
    clear: () => {
      counts = fresh()
    },
  }
}

function fresh() {
  return new Map(
    ACTION_KINDS.map((kind) => [
      kind,
      { planned: 0, done: 0, refused: 0, nothing: 0, failed: 0, dropped: 0 },
    ]),
  )
}
