import { readdirSync, readFileSync } from 'node:fs'

/** What a process has used, or holds. */
export interface ProcessUse {
  readonly pid: number
  /** `deliver-1`, `record`, `postgres`, `history`, ... */
  readonly name: string
  readonly cpuSeconds: number
  /** Proportional set size: memory shared with others is counted by its share. */
  readonly pssBytes: number
}

/** Ticks of /proc/PID/stat in a second: USER_HZ, which Linux fixes for programs. */
const TICKS = 100

/** The processes below and including `root`, from /proc, named by what they run. */
export function measureTree(root: number, rootName: string): ProcessUse[] {
  const stats = readStats()
  const pids = new Set([root])
  for (let before = 0; before !== pids.size;) {
    before = pids.size
    for (const { pid, parent } of stats.values()) if (pids.has(parent)) pids.add(pid)
  }
  const counts = new Map<string, number>()
  return [...pids]
    .toSorted((a, b) => a - b)
    .flatMap((pid) => {
      const stat = stats.get(pid)
      if (stat === undefined) return []
      const kind = pid === root ? rootName : nameOf(pid)
      const number = (counts.get(kind) ?? 0) + 1
      counts.set(kind, number)
      const name = kind === 'deliver' ? `deliver-${number}` : kind
      return [{ pid, name, cpuSeconds: stat.cpuSeconds, pssBytes: pssOf(pid) }]
    })
}

/** CPU seconds by name since `before`. What ended meanwhile is in the time of its parent. */
export function cpuSince(
  before: readonly ProcessUse[],
  after: readonly ProcessUse[],
): Record<string, number> {
  const used: Record<string, number> = {}
  for (const { name, cpuSeconds } of after) used[name] = (used[name] ?? 0) + cpuSeconds
  for (const { name, cpuSeconds } of before) used[name] = (used[name] ?? 0) - cpuSeconds
  return used
}

/** CPU seconds of these trees so far, of what has ended in them too. */
export function cpuSecondsOf(roots: readonly number[]): number {
  return roots
    .flatMap((root) => measureTree(root, 'root'))
    .reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)
}

export interface MemoryWatch {
  /** Ends the watch. Bytes of the moment with the highest sum, and of whom. */
  stop(): { readonly peakBytes: number; readonly byName: Readonly<Record<string, number>> }
}

/** A new look at the PSS when the resident memory has grown by this share since the last one. */
const GROWTH = 1.01

/**
 * The highest sum of the PSS of the trees. The kernel counts pages for it (some 4 ms a process), so that every `everyMs` only
 * the resident sizes are read, which cost nothing, and the PSS when their sum is higher than it was at the last look.
 */
export function watchMemory(roots: readonly number[], everyMs: number): MemoryWatch {
  let peakBytes = 0
  let seenPages = 0
  let byName: Record<string, number> = {}
  const look = (): void => {
    const processes = roots.flatMap((root) => measureTree(root, 'supervisor'))
    const sum = processes.reduce((total, each) => total + each.pssBytes, 0)
    if (sum <= peakBytes) return
    peakBytes = sum
    byName = {}
    for (const { name, pssBytes } of processes) byName[name] = (byName[name] ?? 0) + pssBytes
  }
  const glance = (): void => {
    const stats = readStats()
    const pids = roots.flatMap((root) => pidsOf(root, stats))
    const pages = pids.reduce((sum, pid) => sum + residentPages(pid), 0)
    if (pages < seenPages * GROWTH) return
    seenPages = pages
    look()
  }
  glance()
  const timer = setInterval(glance, everyMs)
  return {
    stop: () => {
      clearInterval(timer)
      look()
      return { peakBytes, byName }
    },
  }
}

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly cpuSeconds: number
}

function readStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const text = readOrEmpty(`/proc/${pid}/stat`)
    // The name of the program stands in parentheses and may hold blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const ticks = [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0)
    if (text !== '') stats.set(pid, { pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS })
  }
  return stats
}

function pidsOf(root: number, stats: ReadonlyMap<number, Stat>): number[] {
  const pids = new Set([root])
  for (let before = 0; before !== pids.size;) {
    before = pids.size
    for (const { pid, parent } of stats.values()) if (pids.has(parent)) pids.add(pid)
  }
  return [...pids]
}

function residentPages(pid: number): number {
  return Number(readOrEmpty(`/proc/${pid}/statm`).split(' ')[1] ?? 0)
}

function nameOf(pid: number): string {
  const words = readOrEmpty(`/proc/${pid}/cmdline`).split('\0')
  if (words[0]?.includes('postgres') === true) return 'postgres'
  const script = words.findIndex((word) => word.endsWith('.ts'))
  if (words[script]?.endsWith('chdb-server.ts') === true) return 'history'
  if (words[script]?.endsWith('/main.ts') === true) return words[script + 1] ?? 'main'
  return words[script]?.split('/').at(-1) ?? 'other'
}

function pssOf(pid: number): number {
  const found = /^Pss:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`))
  return Number(found?.[1] ?? 0) * 1024
}

/** A process may end between two looks. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
