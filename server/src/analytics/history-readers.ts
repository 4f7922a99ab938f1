import { openCountryLookup, type CountryOf } from './country-lookup.ts'
import { createClientReader, type Client } from './describe-client.ts'

/** What the history reads out of an address and a user agent when an event is written. */
export interface Readers {
  readonly countryOf: CountryOf
  readonly clientOf: (userAgent: string) => Client
}

/** Opens the operator's database of countries, if there is one. Throws as `openCountryLookup` does. */
export async function openHistoryReaders(config: {
  readonly PIGEON_GEO_DATABASE?: string
}): Promise<Readers> {
  return { countryOf: await openCountryLookup(config.PIGEON_GEO_DATABASE), clientOf: createClientReader() }
}
