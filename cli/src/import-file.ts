import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'
import { take, type Pigeon, type components } from '@pigeon/sdk'
import { Failure, usageFailure } from '#exit-codes.ts'
import { bar } from '#live-line.ts'
import { multipart } from '#multipart.ts'
import { number, type Output } from '#output.ts'
import { readUntil } from '#patiently.ts'

export type Import = components['schemas']['Import']

export interface ImportInput {
  readonly file: string
  readonly listId: string
  readonly onExisting?: 'upsert' | 'skip' | undefined
  /** JSON, as the API takes it. */
  readonly mapping?: string | undefined
}

const POLL_MS = 300
const WITHIN_MS = 6 * 3_600_000

/** Sends a CSV file and shows how it is read, to its end. A failed import ends the command with its reason. */
export async function importFile(pigeon: Pigeon, out: Output, input: ImportInput): Promise<Import> {
  const blob = await fileAsBlob(input.file)
  const line = out.progress()
  const uploading = (sent: number): void =>
    line.update(progress(out.hasBars, 'uploading', sent / Math.max(1, blob.size), `${number(sent / 1e6)} MB`))
  const started = await upload(pigeon, blob, input, uploading)
  const { id } = started
  const done = await readUntil(
    async () => {
      const now = await take(pigeon.GET('/v1/imports/{id}', { params: { path: { id } } }))
      line.update(importProgress(now, out.hasBars))
      return now
    },
    (now) => now.state === 'completed' || now.state === 'failed',
    { everyMs: POLL_MS, withinMs: WITHIN_MS },
  )
  line.end(importProgress(done, out.hasBars))
  if (done.state === 'failed') throw new Failure(`The import failed: ${done.error ?? 'no reason was given'}`)
  if (done.state !== 'completed')
    throw new Failure(`The import ${id} is still ${done.state}. Ask again later.`)
  return done
}

async function upload(
  pigeon: Pigeon,
  blob: Blob,
  input: ImportInput,
  onBytes: (sent: number) => void,
): Promise<Import> {
  const name = basename(input.file)
  const fields = {
    ...(input.mapping === undefined ? {} : { mapping: input.mapping }),
    ...(input.onExisting === undefined ? {} : { on_existing: input.onExisting }),
  }
  const form = multipart(fields, { name, blob }, onBytes)
  return take(
    pigeon.POST('/v1/lists/{id}/import', {
      params: { path: { id: input.listId } },
      body: { ...fields, file: name },
      bodySerializer: () => form.body,
      headers: { 'content-type': form.contentType },
      duplex: 'half',
    }),
  )
}

/** The bytes of a file that the command line names, read as they are sent. */
export async function fileAsBlob(path: string): Promise<Blob> {
  try {
    return await openAsBlob(path)
  } catch (error) {
    throw usageFailure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function importProgress(now: Import, hasBar: boolean): string {
  const rejected = now.rows_rejected === 0 ? '' : ` · ${number(now.rows_rejected)} rejected`
  const detail = `${number(now.rows_read)} rows · ${number(now.rows_per_second)} rows/s${rejected}`
  return progress(hasBar, now.state === 'completed' ? 'imported' : 'importing', now.progress, detail)
}

function progress(hasBar: boolean, what: string, share: number, detail: string): string {
  return hasBar ? `${what} ${bar(share)} ${detail}` : `${what} ${Math.floor(share * 100)}% · ${detail}`
}

/** The counts of an import for people, and where its rejected rows are. */
export function importText(done: Import): string[] {
  const counts = [
    ['read', done.rows_read],
    ['created', done.rows_created],
    ['updated', done.rows_updated],
    ['skipped', done.rows_skipped],
    ['twice in the file', done.rows_duplicate],
    ['suppressed', done.rows_suppressed],
    ['rejected', done.rows_rejected],
  ] as const
  return [
    `Imported ${done.file_name} in ${number(done.seconds)} s (${number(done.rows_per_second)} rows/s)`,
    ...counts.map(([name, count]) => `  ${name.padEnd(20)}${number(count)}`),
  ]
}
