import { writeFile } from 'node:fs/promises'
import { take, type Pigeon } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { parseJson } from '#files.ts'
import { listId } from '#find-by-name.ts'
import { importFile, importText } from '#import-file.ts'
import { table, time } from '#output.ts'

const LIST_OPTION = { type: 'string', value: 'ID|NAME', description: 'The list.' } as const
const REJECTS_TIMEOUT_MS = 15 * 60_000

const importContacts = command({
  name: 'contacts import',
  summary: 'Imports contacts from a CSV file to a list and shows how far it is.',
  positionals: ['FILE'],
  options: {
    list: LIST_OPTION,
    'on-existing': {
      type: 'string',
      value: 'upsert|skip',
      description: 'What happens to contacts that exist (upsert).',
    },
    mapping: {
      type: 'string',
      value: 'JSON',
      description:
        'Columns to email, first_name, last_name, attributes.NAME or ignore; found out when absent.',
    },
    rejects: {
      type: 'string',
      value: 'FILE',
      description: 'Where the rejected rows are written, as CSV with reasons.',
    },
  },
  required: ['list'],
  example: `pigeon contacts import people.csv --list Newsletter --mapping '{"Ort": "attributes.city"}' --rejects bad.csv`,
  run: async (context, { values, positionals: [file] }) => {
    const onExisting =
      values['on-existing'] === undefined
        ? undefined
        : oneOf('--on-existing', values['on-existing'], ['upsert', 'skip'])
    if (values.mapping !== undefined) parseJson(values.mapping, '--mapping')
    const pigeon = context.signedIn()
    const id = await listId(pigeon, values.list ?? '')
    const done = await importFile(pigeon, context.out, {
      file,
      listId: id,
      onExisting,
      mapping: values.mapping,
    })
    if (values.rejects !== undefined) await saveRejects(pigeon, done.id, values.rejects)
    const rejects = values.rejects ?? null
    context.out.result({ ...done, rejects_file: rejects }, () => [
      ...importText(done),
      ...rejectLines(done.rows_rejected, rejects, `${context.url}/v1/imports/${done.id}/rejects`),
    ])
    return EXIT.ok
  },
})

function rejectLines(count: number, file: string | null, url: string): string[] {
  if (file !== null) return [`The rejected rows and their reasons are in ${file}.`]
  return count === 0 ? [] : [`The rejected rows and their reasons: --rejects FILE, or GET ${url}`]
}

async function saveRejects(pigeon: Pigeon, id: string, file: string): Promise<void> {
  const { data } = await pigeon.GET('/v1/imports/{id}/rejects', {
    params: { path: { id } },
    parseAs: 'stream',
    signal: AbortSignal.timeout(REJECTS_TIMEOUT_MS),
  })
  try {
    await writeFile(file, data ?? '')
  } catch (error) {
    throw new Failure(
      `${file} could not be written: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

const listContacts = command({
  name: 'contacts list',
  summary: 'Contacts, of one list or all.',
  positionals: [],
  options: {
    list: LIST_OPTION,
    status: { type: 'string', value: 'subscribed|unsubscribed', description: 'Only these, with --list.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon contacts list --list Newsletter --limit 20',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const status =
      values.status === undefined
        ? {}
        : { status: oneOf('--status', values.status, ['subscribed', 'unsubscribed']) }
    const id = values.list === undefined ? undefined : await listId(pigeon, values.list)
    const contacts =
      id === undefined
        ? await collect(values.limit, (page) =>
            take(pigeon.GET('/v1/contacts', { params: { query: { ...page } } })),
          )
        : await collect(values.limit, (page) =>
            take(
              pigeon.GET('/v1/lists/{id}/contacts', {
                params: { path: { id }, query: { ...page, ...status } },
              }),
            ),
          )
    context.out.result(contacts, () =>
      table(
        ['id', 'e-mail', 'first name', 'last name', 'created'],
        contacts.map((each) => [
          each.id,
          each.email,
          each.first_name ?? '',
          each.last_name ?? '',
          time(each.created_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

export const contacts = [importContacts, listContacts]
