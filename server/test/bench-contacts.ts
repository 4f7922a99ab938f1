import { sampleContactsCsv } from '#contacts/sample-contacts.ts'

const SEED = 7

/** `count` good contacts as pieces of a CSV file, at these domains or at the usual ones. */
export function sampleContacts(count: number, domains?: readonly string[]): string[] {
  const weighted = domains?.map((domain) => ({ domain, weight: 1 }))
  return [
    ...sampleContactsCsv({
      count,
      seed: SEED,
      badRows: 0,
      words: {},
      ...(weighted === undefined ? {} : { domains: weighted }),
    }),
  ]
}
