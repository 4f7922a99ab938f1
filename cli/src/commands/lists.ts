import { take, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { listId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'

type List = components['schemas']['List']

const listLists = command({
  name: 'lists list',
  summary: 'Lists of contacts, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon lists list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const lists = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/lists', { params: { query: { ...page } } })),
    )
    context.out.result(lists, () =>
      table(
        ['id', 'name', 'status', 'subscribed', 'unsubscribed'],
        lists.map((each) => [
          each.id,
          each.name,
          each.status,
          number(each.subscribed),
          number(each.unsubscribed),
        ]),
        ['left', 'left', 'left', 'right', 'right'],
      ),
    )
    return EXIT.ok
  },
})

const createList = command({
  name: 'lists create',
  summary: 'Makes a list.',
  positionals: ['NAME'],
  options: { description: { type: 'string', value: 'TEXT', description: 'What it is for.' } },
  example: 'pigeon lists create Newsletter',
  run: async (context, { values, positionals: [name] }) => {
    const body = { name, description: values.description ?? null }
    const made = await take(context.signedIn().POST('/v1/lists', { body }))
    context.out.result(made, () => [`${made.id}  ${made.name}`])
    return EXIT.ok
  },
})

const showList = command({
  name: 'lists show',
  summary: 'One list.',
  positionals: ['ID|NAME'],
  options: {},
  example: 'pigeon lists show Newsletter',
  run: async (context, { positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await listId(pigeon, idOrName)
    const found = await take(pigeon.GET('/v1/lists/{id}', { params: { path: { id } } }))
    context.out.result(found, () => describe(found))
    return EXIT.ok
  },
})

function describe(list: List): string[] {
  return [
    `${list.name} (${list.status})`,
    `  id            ${list.id}`,
    `  description   ${list.description ?? '-'}`,
    `  subscribed    ${number(list.subscribed)}`,
    `  unsubscribed  ${number(list.unsubscribed)}`,
    `  created       ${time(list.created_at)}`,
  ]
}

export const lists = [listLists, createList, showList]
