import { pipeline } from 'node:stream/promises'
import { createReadStream, createWriteStream } from 'node:fs'
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type PoolConfig } from 'pg'
import { from, to } from 'pg-copy-streams'

export interface RawCopy {
  readonly rows: number
  readonly bytes: number
  readonly seconds: number
}

/**
 * How fast PostgreSQL takes the rows of these tables by COPY into equal ones (same columns, indexes and constraints),
 * one after the other, each in one statement that ends with a synchronous commit.
 */
export async function copyRaw(connection: PoolConfig, tables: readonly string[]): Promise<RawCopy> {
  const dir = await mkdtemp(join(tmpdir(), 'pigeon-copy-'))
  await chmod(dir, 0o700)
  const client = new Client(connection)
  await client.connect()
  let [rows, bytes, seconds] = [0, 0, 0]
  try {
    for (const table of tables) {
      const file = join(dir, table)
      await client.query(`create table raw_${table} (like ${table} including all)`)
      const out = client.query(to(`copy ${table} to stdout`))
      await pipeline(out, createWriteStream(file))
      bytes += (await stat(file)).size
      await client.query('checkpoint')
      const startedAt = performance.now()
      const into = client.query(from(`copy raw_${table} from stdin`))
      await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), into)
      seconds += (performance.now() - startedAt) / 1000
      rows += into.rowCount
    }
    return { rows, bytes, seconds }
  } finally {
    for (const table of tables) await client.query(`drop table if exists raw_${table}`)
    await client.end()
    await rm(dir, { recursive: true, force: true })
  }
}
