import { writeFile } from 'node:fs/promises'
import { take, type components, type Pigeon } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'
import { readUntil } from '#patiently.ts'
import { choice, spanOf } from '#commands/analytics.ts'

type Export = components['schemas']['Export']

const FORMATS = ['csv', 'jsonl', 'parquet'] as const
const POLL_MS = 500
/** The server gives one up after half an hour, and tries three times. */
const DONE_WITHIN_MS = 5_400_000
const DOWNLOAD_MS = 3_600_000

const exportEvents = command({
  name: 'exports create',
  summary: 'Writes events to a file.',
  positionals: ['FILE'],
  options: {
    from: { type: 'string', value: 'TIME', description: 'RFC 3339; 30 days before --to when left out.' },
    to: { type: 'string', value: 'TIME', description: 'RFC 3339; now when left out.' },
    format: { type: 'string', value: FORMATS.join('|'), description: 'csv when left out.' },
    campaign: { type: 'string', value: 'ID|latest', description: 'Of this campaign.' },
  },
  example: 'pigeon exports create events.parquet --format parquet',
  run: async (context, { values, positionals: [file] }) => {
    const pigeon = context.signedIn()
    const of = values.campaign === undefined ? {} : { campaign_id: await campaignId(pigeon, values.campaign) }
    const format = choice('--format', values.format ?? 'csv', FORMATS)
    const begun = await take(
      pigeon.GET('/v1/analytics/export', { params: { query: { ...spanOf(values), ...of, format } } }),
    )
    const line = context.out.progress()
    const done = await untilDone(pigeon, begun.id, (text) => line.update(text))
    line.end('')
    if (done.state !== 'completed') throw new Failure(done.error ?? 'The export is not done yet: it goes on.')
    await save(pigeon, done.id, file)
    context.out.result({ ...done, file }, () => [`${number(done.rows_done)} events are in ${file}.`])
    return EXIT.ok
  },
})

function untilDone(pigeon: Pigeon, id: string, show: (text: string) => void): Promise<Export> {
  const read = async (): Promise<Export> => {
    const found = await take(pigeon.GET('/v1/exports/{id}', { params: { path: { id } } }))
    show(`${Math.floor(found.progress * 100)}% of ${number(found.rows_total ?? 0)} events`)
    return found
  }
  return readUntil(read, (found) => found.state === 'completed' || found.state === 'failed', {
    everyMs: POLL_MS,
    withinMs: DONE_WITHIN_MS,
  })
}

async function save(pigeon: Pigeon, id: string, file: string): Promise<void> {
  const { data } = await pigeon.GET('/v1/exports/{id}/download', {
    params: { path: { id } },
    parseAs: 'stream',
    signal: AbortSignal.timeout(DOWNLOAD_MS),
  })
  try {
    await writeFile(file, data ?? '')
  } catch (error) {
    throw new Failure(
      `${file} could not be written: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

const listExports = command({
  name: 'exports list',
  summary: 'All exports, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon exports list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const rows = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/exports', { params: { query: { ...page } } })),
    )
    context.out.result(rows, () =>
      table(
        ['export', 'format', 'state', 'events', 'from', 'to', 'until'],
        rows.map((row) => [
          row.id,
          row.format,
          row.state,
          `${number(row.rows_done)}/${number(row.rows_total ?? 0)}`,
          time(row.from),
          time(row.to),
          row.expires_at === null ? '-' : time(row.expires_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

export const exports = [exportEvents, listExports]
