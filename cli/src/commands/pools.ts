import { take, type Pigeon, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf, wholeNumber } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { poolId, sourceId } from '#find-by-name.ts'
import { table } from '#output.ts'

type Pool = components['schemas']['Pool']

const MAX_WEIGHT = 1_000
const CLASSES = ['bulk', 'transactional'] as const

const SOURCES_OPTION = {
  type: 'string',
  value: 'NAME[:WEIGHT],...',
  description: 'Its sources, each by id or name; the weight is 1 when absent.',
} as const

const listPools = command({
  name: 'pools list',
  summary: 'Pools with their sources, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon pools list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const pools = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/pools', { params: { query: { ...page } } })),
    )
    const names = new Map(pools.map((pool) => [pool.id, pool.name]))
    context.out.result(pools, () =>
      table(
        ['id', 'name', 'sources', 'overflows into', 'classes'],
        pools.map((pool) => [
          pool.id,
          pool.name,
          members(pool),
          pool.overflow_pool_id === null ? '-' : (names.get(pool.overflow_pool_id) ?? pool.overflow_pool_id),
          pool.classes.join(', ') || '-',
        ]),
      ),
    )
    return EXIT.ok
  },
})

const addPool = command({
  name: 'pools add',
  summary: 'Makes a pool.',
  positionals: ['NAME'],
  options: {
    sources: SOURCES_OPTION,
    overflow: { type: 'string', value: 'ID|NAME', description: 'Pool of what its sources may not take now.' },
  },
  example: 'pigeon pools add news --sources out-1:10,out-2 --overflow default',
  run: async (context, { values, positionals: [name] }) => {
    const pigeon = context.signedIn()
    const body = {
      name,
      sources: values.sources === undefined ? [] : await membersOf(pigeon, values.sources),
      overflow_pool_id: values.overflow === undefined ? null : await poolId(pigeon, values.overflow),
    }
    const made = await take(pigeon.POST('/v1/pools', { body }))
    context.out.result(made, () => describe(made))
    return EXIT.ok
  },
})

const setPool = command({
  name: 'pools set',
  summary: 'Changes what is given: sources, overflow, name, and which mail leaves from it.',
  positionals: ['ID|NAME'],
  options: {
    sources: SOURCES_OPTION,
    overflow: {
      type: 'string',
      value: 'ID|NAME|none',
      description: 'Pool of what its sources may not take.',
    },
    name: { type: 'string', value: 'NAME', description: 'A new name.' },
    class: { type: 'string', value: 'bulk|transactional', description: 'Mail of this class leaves from it.' },
    tenant: { type: 'boolean', description: 'Mail of your tenant leaves from it.' },
  },
  example: 'pigeon pools set news --sources out-1:10,out-3 --class bulk',
  run: async (context, { values, positionals: [idOrName] }) => {
    const change: Change = {
      ...values,
      class: values.class === undefined ? undefined : oneOf('--class', values.class, CLASSES),
    }
    if (Object.values(change).every((value) => value === undefined))
      throw usageFailure('Give what to change: --sources, --overflow, --name, --class or --tenant.')
    const pigeon = context.signedIn()
    const id = await poolId(pigeon, idOrName)
    await changePool(pigeon, id, change)
    await assignPool(pigeon, id, change)
    const pool = await take(pigeon.GET('/v1/pools/{id}', { params: { path: { id } } }))
    context.out.result(pool, () => describe(pool))
    return EXIT.ok
  },
})

interface Change {
  readonly sources?: string | undefined
  readonly overflow?: string | undefined
  readonly name?: string | undefined
  readonly class?: (typeof CLASSES)[number] | undefined
  readonly tenant?: boolean | undefined
}

/** What the pool is. */
async function changePool(pigeon: Pigeon, id: string, change: Change): Promise<void> {
  const params = { path: { id } }
  if (change.name !== undefined || change.overflow !== undefined) {
    const before = await take(pigeon.GET('/v1/pools/{id}', { params }))
    const overflow_pool_id = await overflowOf(pigeon, change.overflow, before)
    await pigeon.PUT('/v1/pools/{id}', {
      params,
      body: { name: change.name ?? before.name, overflow_pool_id },
    })
  }
  if (change.sources === undefined) return
  const sources = await membersOf(pigeon, change.sources)
  await pigeon.PUT('/v1/pools/{id}/sources', { params, body: { sources } })
}

/** Whose it is. */
async function assignPool(pigeon: Pigeon, id: string, change: Change): Promise<void> {
  const body = { pool_id: id }
  if (change.class !== undefined) {
    const path = { message_class: change.class }
    await pigeon.PUT('/v1/pools/classes/{message_class}', { params: { path }, body })
  }
  if (change.tenant === true) await pigeon.PUT('/v1/tenant/pool', { body })
}

const deletePool = command({
  name: 'pools delete',
  summary: 'Deletes a pool that nobody uses; its sources stay.',
  positionals: ['ID|NAME'],
  options: {},
  example: 'pigeon pools delete news',
  run: async (context, { positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await poolId(pigeon, idOrName)
    await pigeon.DELETE('/v1/pools/{id}', { params: { path: { id } } })
    context.out.result({ id, deleted: true }, () => [`${id} is deleted.`])
    return EXIT.ok
  },
})

async function overflowOf(pigeon: Pigeon, text: string | undefined, before: Pool): Promise<string | null> {
  if (text === undefined) return before.overflow_pool_id
  return text === 'none' ? null : poolId(pigeon, text)
}

/** `out-1:10,out-2`; nothing at all empties the pool. */
async function membersOf(pigeon: Pigeon, text: string): Promise<{ source_id: string; weight: number }[]> {
  const members: { source_id: string; weight: number }[] = []
  for (const part of text.split(',').filter((each) => each.trim() !== '')) {
    const [name = '', weight = '1'] = part.trim().split(':', 2)
    members.push({
      source_id: await sourceId(pigeon, name),
      weight: wholeNumber(`The weight of ${name}`, weight, MAX_WEIGHT),
    })
  }
  return members
}

function members(pool: Pool): string {
  const words = pool.sources.map(
    ({ name, weight, status }) => `${name}:${weight}${status === 'active' ? '' : ` (${status})`}`,
  )
  return words.join(', ') || '-'
}

function describe(pool: Pool): string[] {
  return [
    pool.name,
    `  id              ${pool.id}`,
    `  sources         ${members(pool)}`,
    `  overflows into  ${pool.overflow_pool_id ?? '-'}`,
    `  classes         ${pool.classes.join(', ') || '-'}`,
  ]
}

export const pools = [listPools, addPool, setPool, deletePool]
