import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { take, type Pigeon } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { listId } from '#find-by-name.ts'
import { fileAsBlob } from '#import-file.ts'
import { multipart } from '#multipart.ts'
import { number, table, time } from '#output.ts'

const REASONS = ['manual', 'hard_bounce', 'soft_bounce', 'complaint', 'unsubscribed'] as const
const REASON_OPTION = { type: 'string', value: REASONS.join('|'), description: 'Why.' } as const
const LIST_OPTION = { type: 'string', value: 'ID|NAME', description: 'Only this list.' } as const
/** Reading, or writing, a long file. */
const FILE_TIMEOUT_MS = 15 * 60_000
const SHOWN_REJECTS = 20

const FILTERS = {
  email: { type: 'string', value: 'ADDRESS', description: 'Only this address.' },
  prefix: { type: 'string', value: 'TEXT', description: 'Only addresses that begin so.' },
  domain: { type: 'string', value: 'NAME', description: 'Only addresses of this domain.' },
  reason: REASON_OPTION,
  list: LIST_OPTION,
  since: { type: 'string', value: 'TIME', description: 'Only those made since, like 2026-11-01T00:00:00Z.' },
} as const

type FilterValues = { readonly [Name in keyof typeof FILTERS]?: string }

async function filtersOf(pigeon: Pigeon, values: FilterValues) {
  const { email, prefix, domain, since } = values
  return {
    ...(email === undefined ? {} : { email }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(domain === undefined ? {} : { domain }),
    ...(since === undefined ? {} : { since }),
    ...reasonOf(values.reason),
    ...(values.list === undefined ? {} : { list_id: await listId(pigeon, values.list) }),
  }
}

function reasonOf(text: string | undefined): { reason?: (typeof REASONS)[number] } {
  return text === undefined ? {} : { reason: oneOf('--reason', text, REASONS) }
}

const listSuppressions = command({
  name: 'suppressions list',
  summary: 'Addresses that are not written to, newest first.',
  positionals: [],
  options: {
    ...FILTERS,
    held: { type: 'boolean', description: 'Only those that are held back.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon suppressions list --domain example.com --reason complaint',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const query = {
      ...(await filtersOf(pigeon, values)),
      ...(values.held === true ? { held: true } : {}),
    }
    const found = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/suppressions', { params: { query: { ...page, ...query } } })),
    )
    context.out.result(found, () =>
      table(
        ['id', 'e-mail', 'reason', 'of', 'since', 'until', 'message'],
        found.map((each) => [
          each.id,
          each.email,
          each.held_at === null ? each.reason : `${each.reason} (held)`,
          each.list_id ?? each.mode ?? 'everything',
          time(each.created_at),
          time(each.expires_at),
          each.message_id ?? '-',
        ]),
      ),
    )
    return EXIT.ok
  },
})

const addSuppression = command({
  name: 'suppressions add',
  summary: 'Stops writing to an address.',
  positionals: ['ADDRESS'],
  options: {
    list: LIST_OPTION,
    reason: REASON_OPTION,
    note: { type: 'string', value: 'TEXT', description: 'For whoever reads it later.' },
    until: { type: 'string', value: 'TIME', description: 'When it ends; never when absent.' },
  },
  example: `pigeon suppressions add ann@example.com --note 'asked by phone'`,
  run: async (context, { values, positionals: [email] }) => {
    const pigeon = context.signedIn()
    const entry = {
      email,
      ...reasonOf(values.reason),
      ...(values.list === undefined ? {} : { list_id: await listId(pigeon, values.list) }),
      ...(values.note === undefined ? {} : { note: values.note }),
      ...(values.until === undefined ? {} : { expires_at: values.until }),
    }
    const { data } = await take(pigeon.POST('/v1/suppressions', { body: { suppressions: [entry] } }))
    context.out.result(data, () => data.map((each) => `${each.email} is suppressed (${each.reason}).`))
    return EXIT.ok
  },
})

const removeSuppression = command({
  name: 'suppressions remove',
  summary: 'Allows writing to an address again: every suppression of it, or the one with this id.',
  positionals: ['ADDRESS|ID'],
  options: {},
  example: 'pigeon suppressions remove ann@example.com',
  run: async (context, { positionals: [which] }) => {
    const pigeon = context.signedIn()
    const found = which.includes('@')
      ? await collect(undefined, (page) =>
          take(pigeon.GET('/v1/suppressions', { params: { query: { ...page, email: which } } })),
        )
      : [{ id: which }]
    if (found.length === 0) throw new Failure(`${which} is not suppressed.`)
    for (const { id } of found)
      await take(pigeon.DELETE('/v1/suppressions/{id}', { params: { path: { id } } }))
    const removed = found.map(({ id }) => id)
    context.out.result({ removed }, () => [`${which} may be written to again.`])
    return EXIT.ok
  },
})

const importSuppressions = command({
  name: 'suppressions import',
  summary: 'Stops writing to the addresses of a CSV file.',
  positionals: ['FILE'],
  options: {
    reason: { ...REASON_OPTION, description: 'Why, for rows that do not say it (manual).' },
    list: { ...LIST_OPTION, description: 'Only this list, for rows that do not say one.' },
  },
  example: 'pigeon suppressions import blocked.csv --reason unsubscribed',
  run: async (context, { values, positionals: [file] }) => {
    const pigeon = context.signedIn()
    const fields = {
      ...reasonOf(values.reason),
      ...(values.list === undefined ? {} : { list_id: await listId(pigeon, values.list) }),
    }
    const name = basename(file)
    const form = multipart(fields, { name, blob: await fileAsBlob(file) }, () => undefined)
    const done = await take(
      pigeon.POST('/v1/suppressions/import', {
        body: { ...fields, file: name },
        bodySerializer: () => form.body,
        headers: { 'content-type': form.contentType },
        duplex: 'half',
        signal: AbortSignal.timeout(FILE_TIMEOUT_MS),
      }),
    )
    context.out.result(done, () => [
      `${number(done.rows_stored)} of ${number(done.rows_read)} rows are suppressed, ${number(done.rows_rejected)} rejected.`,
      ...done.rejects.slice(0, SHOWN_REJECTS).map((each) => `  line ${each.line}: ${each.reason}`),
    ])
    return EXIT.ok
  },
})

const exportSuppressions = command({
  name: 'suppressions export',
  summary: 'Writes the suppressions in force to a CSV file, which can be imported again.',
  positionals: ['FILE'],
  options: FILTERS,
  example: 'pigeon suppressions export suppressions.csv --reason unsubscribed',
  run: async (context, { values, positionals: [file] }) => {
    const pigeon = context.signedIn()
    const query = await filtersOf(pigeon, values)
    const { data } = await pigeon.GET('/v1/suppressions/export', {
      params: { query },
      parseAs: 'stream',
      signal: AbortSignal.timeout(FILE_TIMEOUT_MS),
    })
    try {
      await writeFile(file, data ?? '')
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Failure(`${file} could not be written: ${why}`)
    }
    context.out.result({ file }, () => [`The suppressions are in ${file}.`])
    return EXIT.ok
  },
})

export const suppressions = [
  listSuppressions,
  addSuppression,
  removeSuppression,
  importSuppressions,
  exportSuppressions,
]
