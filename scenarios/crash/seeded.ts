import { createHash } from 'node:crypto'

/** A number from 0 up to 1 that the seed and the name of the choice decide. */
export function seeded(seed: number, choice: string): number {
  return createHash('sha256').update(`${seed} ${choice}`).digest().readUInt32BE() / 2 ** 32
}

/** The same things in an order that the seed decides. */
export function shuffled<T extends { readonly name: string }>(seed: number, things: readonly T[]): T[] {
  return things.toSorted((a, b) => seeded(seed, a.name) - seeded(seed, b.name))
}
