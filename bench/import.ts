import { startBenchPlatform } from '@pigeon/server/test/bench-platform.ts'
import { cpuSince, measureTree, watchMemory } from '@pigeon/server/test/process-meter.ts'
import { copyRaw } from '@pigeon/server/test/raw-copy.ts'
import { importContacts, openAccount } from './customer.ts'
import { mapValues, mebibytes, round, say } from './measure.ts'

const MEMORY_MS = 500

/** A CSV file through the public API, from the first byte of the upload until the last row is stored. */
export async function benchImport({ rows }: { readonly rows: number }): Promise<object> {
  say('Starting the platform ...')
  const platform = await startBenchPlatform()
  try {
    const durability = await platform.durability()
    say(`PostgreSQL says: ${JSON.stringify(durability)}`)
    const customer = await openAccount(platform.url)
    const before = measureTree(platform.pid, 'supervisor')
    const memory = watchMemory([platform.pid], MEMORY_MS)
    say(`Importing ${rows} rows ...`)
    const imported = await importContacts(customer, rows)
    const used = cpuSince(before, measureTree(platform.pid, 'supervisor'))
    const { peakBytes, byName } = memory.stop()
    say('Copying the same rows raw ...')
    const contacts = await copyRaw(platform.postgres, ['contacts'])
    const both = await copyRaw(platform.postgres, ['contacts', 'subscriptions'])
    const rate = imported.created / imported.seconds
    const rawRate = contacts.rows / contacts.seconds
    return {
      bench: 'import',
      rows,
      created: imported.created,
      file_bytes: imported.bytes,
      rows_per_second: round(rate),
      seconds: round(imported.seconds, 2),
      upload_seconds: round(imported.uploadSeconds, 2),
      raw_copy_rows_per_second: round(rawRate),
      ratio_to_raw: round(rate / rawRate, 3),
      ratio_to_raw_with_subscriptions: round(both.seconds / imported.seconds, 3),
      cpu_seconds_per_1000: mapValues(used, (value) => round((value / rows) * 1000, 4)),
      peak_pss_mib: mebibytes(peakBytes),
      peak_pss_mib_by_process: mapValues(byName, mebibytes),
      postgres: durability,
    }
  } finally {
    await platform.stop()
  }
}
