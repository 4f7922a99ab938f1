import type { Readable } from 'node:stream'
import type { Analytics } from '#platform/analytics/open-analytics.ts'
import { FORMATS, type ExportFilter, type ExportFormat } from './export.ts'

/** Twenty million events take about three minutes on two cores. */
export const EXPORT_MS = 1_800_000
const COUNT_MS = 30_000
const PROGRESS_MS = 5_000

/** The table is named, because the columns of the file have the same names and other types. */
const WHERE = `tenant_id = {tenant:UUID} and timestamp >= toDateTime({from:UInt32}, 'UTC') and timestamp < toDateTime({to:UInt32}, 'UTC')
  and ({campaign:String} = '' or email_events.campaign_id = toUUIDOrZero({campaign:String}))
  and (empty({types:Array(String)}) or has({types:Array(String)}, toString(email_events.event_type)))`

/** Plain types, which every reader of Parquet knows, too. */
const COLUMNS = `toString(id) as id, toString(message_id) as message_id, toString(campaign_id) as campaign_id, toString(contact_id) as contact_id,
  toString(event_type) as event_type, timestamp, attempt, toString(provider) as provider, toString(source) as source, toString(domain) as domain,
  code, toString(enhanced) as enhanced, toString(class) as class, reply, in_doubt, waited_ms,
  if(ip_address = toIPv6('::'), '', replaceOne(toString(ip_address), '::ffff:', '')) as ip_address, user_agent,
  toString(country) as country, toString(client) as client, toString(os) as os, toString(device) as device, is_machine,
  toJSONString(event_data) as event_data`

function paramsOf(tenantId: string, filter: ExportFilter) {
  return {
    tenant: tenantId,
    from: filter.from,
    to: filter.to,
    campaign: filter.campaign_id ?? '',
    types: filter.event_types,
  }
}

export async function countEvents(
  analytics: Analytics,
  tenantId: string,
  filter: ExportFilter,
): Promise<number> {
  const rows = await analytics.query<{ n: number }>(
    `select count() as n from email_events where ${WHERE}`,
    paramsOf(tenantId, filter),
    { timeoutMs: COUNT_MS },
  )
  return rows[0]?.n ?? 0
}

/** The events as a file, in no order. `exportId` stands in the statement, so that its progress is found. */
export async function downloadEvents(
  analytics: Analytics,
  tenantId: string,
  wanted: { readonly exportId: string; readonly format: ExportFormat; readonly filter: ExportFilter },
  signal: AbortSignal,
): Promise<Readable> {
  return analytics.download(
    `select /* ${mark(wanted.exportId)} */ ${COLUMNS} from email_events where ${WHERE}`,
    paramsOf(tenantId, wanted.filter),
    { format: FORMATS[wanted.format].name, timeoutMs: EXPORT_MS, signal },
  )
}

/** The part of the rows that the statement has read, from 0 to 1; undefined when it does not run. */
export async function downloadProgress(analytics: Analytics, exportId: string): Promise<number | undefined> {
  const rows = await analytics.query<{ part: number }>(
    `select least(1, read_rows / greatest(1, total_rows_approx)) as part from system.processes
      where position(query, {mark:String}) > 0 and position(query, 'system.processes') = 0 order by read_rows desc limit 1`,
    { mark: mark(exportId) },
    { timeoutMs: PROGRESS_MS },
  )
  return rows[0]?.part
}

function mark(exportId: string): string {
  return `export:${exportId}`
}
