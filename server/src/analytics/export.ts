import { dateOf } from './ask-analytics.ts'

/** Kinds of file, with the history's name for each. */
export const FORMATS = {
  csv: { name: 'CSVWithNames', type: 'text/csv; charset=utf-8' },
  jsonl: { name: 'JSONEachRow', type: 'application/x-ndjson' },
  parquet: { name: 'Parquet', type: 'application/vnd.apache.parquet' },
} as const
export type ExportFormat = keyof typeof FORMATS
export const EXPORT_FORMATS = ['csv', 'jsonl', 'parquet'] as const satisfies readonly ExportFormat[]

export const EVENT_TYPES = [
  'sent',
  'delivered',
  'deferred',
  'bounced',
  'failed',
  'suppressed',
  'cancelled',
  'opened',
  'clicked',
  'complained',
  'unsubscribed',
] as const
export type EventType = (typeof EVENT_TYPES)[number]

/** Which events. Times are whole slots, so that a question that is asked again in the same quarter of an hour is the same. */
export interface ExportFilter {
  /** Seconds since 1970. */
  readonly from: number
  readonly to: number
  readonly campaign_id: string | null
  /** Sorted; empty: all. */
  readonly event_types: readonly string[]
}

export interface Export {
  readonly id: string
  readonly format: ExportFormat
  readonly filter: ExportFilter
  readonly state: 'queued' | 'running' | 'completed' | 'failed'
  readonly rows_total: number | null
  readonly rows_done: number
  readonly size_bytes: number | null
  readonly error: string | null
  readonly created_at: Date
  readonly started_at: Date | null
  readonly completed_at: Date | null
  readonly expires_at: Date | null
}

export function exportKey(tenantId: string, id: string): string {
  return `${tenantId}/exports/${id}`
}

/** What is shown to the client. */
export function describeExport({ filter, ...shown }: Export) {
  const isDone = shown.state === 'completed'
  return {
    ...shown,
    from: dateOf(filter.from),
    to: dateOf(filter.to),
    campaign_id: filter.campaign_id,
    event_types: [...filter.event_types],
    progress: isDone ? 1 : Math.min(1, shown.rows_done / Math.max(1, shown.rows_total ?? 1)),
    download: isDone ? `/v1/exports/${shown.id}/download` : null,
  }
}
