import { setTimeout as delay } from 'node:timers/promises'

export function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Asks until the answer is there. Throws after the deadline. */
export async function until<T>(
  what: string,
  everyMs: number,
  deadlineMs: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() - startedAt > deadlineMs)
      throw new Error(`${what}: not within ${deadlineMs / 1000} s.`)
    await delay(everyMs)
  }
}

/** Rounded for people: three digits behind the point at most. */
export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits))
}

/** Of two rates. */
export function ratio(value: number, other: number): number {
  return round(value / other, 3)
}

const MEBIBYTE = 1024 * 1024

export function mebibytes(bytes: number): number {
  return Math.round(bytes / MEBIBYTE)
}

export function mapValues(
  record: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}

export function sum(values: Readonly<Record<string, number>>): number {
  return Object.values(values).reduce((total, value) => total + value, 0)
}
