import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { countryDatabase } from '@pigeon/server/test/country-database.ts'
import { openCountryLookup } from './country-lookup.ts'

const directory = mkdtempSync(join(tmpdir(), 'pigeon-geo-'))
after(() => rmSync(directory, { recursive: true }))

test('the country of an address is what the database of the operator says', async () => {
  const file = join(directory, 'countries.mmdb')
  // 192.0.2.0/24 and 198.51.100.0/24 as bits.
  const networks = [
    { bits: '110000000000000000000010', country: 'DE' },
    { bits: '110001100011001101100100', country: 'FR' },
  ]
  writeFileSync(file, countryDatabase(networks))
  const countryOf = await openCountryLookup(file)
  assert.deepEqual(['192.0.2.77', '198.51.100.1', '203.0.113.5', 'not an address', ''].map(countryOf), [
    'DE',
    'FR',
    '',
    '',
    '',
  ])
})

test('without a database every country is unknown', async () => {
  const countryOf = await openCountryLookup(undefined)
  assert.equal(countryOf('192.0.2.77'), '')
})

test('a file that is no database is refused at the start, with a sentence that says what to do', async () => {
  const file = join(directory, 'junk.mmdb')
  writeFileSync(file, 'junk')
  for (const path of [file, join(directory, 'none.mmdb')])
    await assert.rejects(openCountryLookup(path), {
      code: 'analytics.bad_geo_database',
      message: /PIGEON_GEO_DATABASE/,
    })
})
