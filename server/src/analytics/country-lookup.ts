import { readFile } from 'node:fs/promises'
import { Reader } from 'mmdb-lib'
import { Type } from 'typebox'
import { Check } from 'typebox/value'
import { Problem } from '#platform/problem.ts'

/** The country of an IP address as ISO 3166-1 alpha-2 (`DE`), empty when unknown. */
export type CountryOf = (address: string) => string

/** Databases with a country all have this, GeoLite2 and DB-IP among them; some have the code at the top. */
const Found = Type.Object({
  country: Type.Optional(Type.Object({ iso_code: Type.Optional(Type.String()) })),
  country_code: Type.Optional(Type.String()),
})
const CODE = /^[A-Z]{2}$/

/**
 * Opens the operator's database, which stays in memory. Without a file nothing is known of any address. Throws
 * Problem('invalid', 'analytics.bad_geo_database') for a file that cannot be read or is no such database.
 */
export async function openCountryLookup(file: string | undefined): Promise<CountryOf> {
  if (file === undefined) return () => ''
  const reader = await openReader(file)
  return (address) => {
    const found: unknown = readSafely(reader, address)
    if (!Check(Found, found)) return ''
    const code = found.country?.iso_code ?? found.country_code ?? ''
    return CODE.test(code) ? code : ''
  }
}

async function openReader(file: string): Promise<Reader<never>> {
  try {
    return new Reader<never>(await readFile(file))
  } catch (cause) {
    throw new Problem(
      'invalid',
      'analytics.bad_geo_database',
      `PIGEON_GEO_DATABASE names ${file}, which cannot be read as a MaxMind DB file. Correct it or leave it out.`,
      { cause },
    )
  }
}

/** A damaged file must not stop the history: what it cannot say is unknown. */
function readSafely(reader: Reader<never>, address: string): unknown {
  try {
    return reader.get(address)
  } catch {
    return null
  }
}
