import { readFile, rename, writeFile } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { Value } from 'typebox/value'
import { Problem } from '#platform/problem.ts'
import { ZoneSchema } from './control.schema.ts'
import type { ZoneRecord, ZoneType } from './control.schema.ts'

const MAX_RECORDS = 100_000

/** Records that were published, as a tenant would at its DNS host; they go before what the providers make up. */
export interface Zone {
  /** All data of one name and type; empty when there is none. */
  lookup(name: string, type: ZoneType): readonly string[]
  has(name: string): boolean
  all(): readonly ZoneRecord[]
  /**
   * The records given replace all of the same name and type, others stay; `data: null` removes. On disk when it
   * resolves. Throws a Problem for data that cannot be served.
   */
  publish(records: readonly ZoneRecord[]): Promise<void>
}

/** Opens the zone kept in `file`, or begins an empty one. */
export async function openZone(file: string): Promise<Zone> {
  const records = new Map<string, Map<ZoneType, string[]>>()
  apply(records, await readRecords(file))
  let writing: Promise<void> = Promise.resolve()
  const all = () => toRecords(records)

  return {
    lookup: (name, type) => records.get(canonical(name))?.get(type) ?? [],
    has: (name) => records.has(canonical(name)),
    all,
    publish: async (changes) => {
      for (const change of changes) checkRecord(change)
      if (all().length + changes.length > MAX_RECORDS) {
        throw new Problem('limited', 'windtunnel.zone_full', `The zone holds at most ${MAX_RECORDS} records.`)
      }
      apply(records, changes)
      const writeAll = async () => {
        await writeFile(`${file}.new`, JSON.stringify({ records: all() }))
        await rename(`${file}.new`, file)
      }
      const written = writing.then(writeAll)
      writing = written.catch(() => undefined)
      await written
    },
  }
}

async function readRecords(file: string): Promise<readonly ZoneRecord[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
  const content: unknown = JSON.parse(text)
  if (Value.Check(ZoneSchema, content)) return content.records
  throw new Problem(
    'invalid',
    'windtunnel.zone_unreadable',
    `${file} is not a zone file; delete it to begin a new one.`,
  )
}

function apply(records: Map<string, Map<ZoneType, string[]>>, changes: readonly ZoneRecord[]): void {
  for (const { name, type } of changes) records.get(canonical(name))?.delete(type)
  for (const { name, type, data } of changes) {
    if (data === null) continue
    const types = records.get(canonical(name)) ?? new Map<ZoneType, string[]>()
    records.set(canonical(name), types.set(type, [...(types.get(type) ?? []), data]))
  }
  for (const { name } of changes)
    if (records.get(canonical(name))?.size === 0) records.delete(canonical(name))
}

function toRecords(records: Map<string, Map<ZoneType, string[]>>): ZoneRecord[] {
  const all: ZoneRecord[] = []
  for (const [name, types] of records) {
    for (const [type, values] of types) for (const data of values) all.push({ name, type, data })
  }
  return all
}

const HOST =
  /^(?=.{1,254}$)(?:[a-z0-9_*](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i

function checkRecord({ name, type, data }: ZoneRecord): void {
  if (!HOST.test(name)) throw unusable(name, type, 'the name is not a domain name')
  if (data === null) return
  const isGood = {
    A: () => isIPv4(data),
    AAAA: () => isIPv6(data),
    CNAME: () => HOST.test(data),
    MX: () =>
      /^\d{1,5} \S+$/.test(data) && (data.endsWith(' .') || HOST.test(data.slice(data.indexOf(' ') + 1))),
    TXT: () => true,
  }
  if (!isGood[type]())
    throw unusable(name, type, `${JSON.stringify(data.slice(0, 80))} is no data for this type`)
}

function unusable(name: string, type: ZoneType, why: string): Problem {
  return new Problem(
    'invalid',
    'windtunnel.bad_record',
    `${type} record of ${JSON.stringify(name.slice(0, 80))}: ${why}.`,
  )
}

function canonical(name: string): string {
  const lower = name.toLowerCase()
  return lower.endsWith('.') ? lower.slice(0, -1) : lower
}
