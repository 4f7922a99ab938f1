import { take, type Pigeon, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command, type Command } from '#command.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { parseJson, readText } from '#files.ts'
import { sourceId } from '#find-by-name.ts'
import { table, time } from '#output.ts'

type Source = components['schemas']['Source']

const listSources = command({
  name: 'sources list',
  summary: 'Where mail leaves from: addresses and relays, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon sources list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const sources = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/sources', { params: { query: { ...page } } })),
    )
    context.out.result(sources, () =>
      table(
        ['id', 'name', 'kind', 'address', 'EHLO name', 'status', 'PTR', 'warm-up'],
        sources.map((each) => [
          each.id,
          each.name,
          each.relay_kind ?? each.kind,
          each.local_address ?? '-',
          each.ehlo_name ?? '-',
          each.status,
          each.ptr.status,
          each.warm_up_started_at === null ? '-' : `since ${each.warm_up_started_at.slice(0, 10)}`,
        ]),
      ),
    )
    return EXIT.ok
  },
})

const addSource = command({
  name: 'sources add',
  summary: 'Adds an address of this machine, or a relay; mail leaves from it once it is in a pool.',
  positionals: ['NAME'],
  options: {
    address: { type: 'string', value: 'IP', description: 'Address of this machine; it chooses when absent.' },
    ehlo: {
      type: 'string',
      value: 'HOST',
      description: "Name given in EHLO; the installation's when absent.",
    },
    'warm-up': { type: 'boolean', description: 'Begin a warm-up at once.' },
    cost: { type: 'string', value: 'AMOUNT', description: 'What a thousand messages cost, like 0.10.' },
    'daily-cap': { type: 'string', value: 'AMOUNT', description: 'What it may cost on one day (UTC).' },
    'monthly-cap': { type: 'string', value: 'AMOUNT', description: 'What it may cost in one month (UTC).' },
    relay: { type: 'string', value: 'KIND', description: 'A relay of this kind, instead of an address.' },
    config: { type: 'string', value: 'JSON', description: 'Settings of the relay that are no secret.' },
    'secret-file': { type: 'string', value: 'FILE', description: 'Holds password or key of the relay.' },
  },
  example: 'pigeon sources add out-1 --address 198.51.100.7 --ehlo out-1.example.com --warm-up',
  run: async (context, { values, positionals: [name] }) => {
    const body = {
      name,
      kind: values.relay === undefined ? ('ip' as const) : ('relay' as const),
      local_address: values.address ?? null,
      ehlo_name: values.ehlo ?? null,
      relay_kind: values.relay ?? null,
      relay_config: values.config === undefined ? null : objectOf('--config', values.config),
      relay_secret: values['secret-file'] === undefined ? null : await secretOf(values['secret-file']),
      warm_up: values['warm-up'] === true,
      cost_per_thousand: millionths('--cost', values.cost),
      daily_cost_cap: millionths('--daily-cap', values['daily-cap']),
      monthly_cost_cap: millionths('--monthly-cap', values['monthly-cap']),
    }
    const made = await take(context.signedIn().POST('/v1/sources', { body }))
    context.out.result(made, () => describe(made))
    return EXIT.ok
  },
})

const MICRO = 1_000_000

/** `0.10` in millionths. */
function millionths(option: string, text: string | undefined): number | null {
  if (text === undefined) return null
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Math.round(Number(text) * MICRO)
  throw usageFailure(`${option} is an amount like 12.50, not ${JSON.stringify(text)}.`)
}

/** The line break at the end of a file is the editor's, not the secret's. */
async function secretOf(path: string): Promise<string> {
  return (await readText(path)).replace(/\r?\n$/, '')
}

function objectOf(option: string, text: string): Record<string, unknown> {
  const value = parseJson(text, option)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw usageFailure(`${option} is an object of settings, like {"host":"relay.example.com"}.`)
}

const SOURCE = ['ID|NAME'] as const

type Act = (pigeon: Pigeon, init: { params: { path: { id: string } } }) => Promise<{ data?: Source }>

function action(name: string, summary: string, act: Act): Command {
  return command({
    name: `sources ${name}`,
    summary,
    positionals: SOURCE,
    options: {},
    example: `pigeon sources ${name} out-1`,
    run: async (context, { positionals: [idOrName] }) => {
      const pigeon = context.signedIn()
      const id = await sourceId(pigeon, idOrName)
      const changed = await take(act(pigeon, { params: { path: { id } } }))
      context.out.result(changed, () => describe(changed))
      return EXIT.ok
    },
  })
}

const checkSource = command({
  name: 'sources check',
  summary: 'Looks up now whether its address and its EHLO name lead to each other; exits with 1 when not.',
  positionals: SOURCE,
  options: {},
  example: 'pigeon sources check out-1',
  run: async (context, { positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await sourceId(pigeon, idOrName)
    const source = await take(pigeon.POST('/v1/sources/{id}/check', { params: { path: { id } } }))
    context.out.result(source, () => describe(source))
    return source.ptr.status === 'ok' ? EXIT.ok : EXIT.failed
  },
})

const warmUpSource = command({
  name: 'sources warm-up',
  summary: 'Starts, stops or begins again its warm-up.',
  positionals: ['ID|NAME', 'start|stop|reset'],
  options: {},
  example: 'pigeon sources warm-up out-1 start',
  run: async (context, { positionals: [idOrName, word] }) => {
    const body = { action: oneOf('The second word', word, ['start', 'stop', 'reset']) }
    const pigeon = context.signedIn()
    const id = await sourceId(pigeon, idOrName)
    const source = await take(pigeon.POST('/v1/sources/{id}/warm-up', { params: { path: { id } }, body }))
    context.out.result(source, () => describe(source))
    return EXIT.ok
  },
})

const deleteSource = command({
  name: 'sources delete',
  summary: 'Deletes a source that is in no pool.',
  positionals: SOURCE,
  options: {},
  example: 'pigeon sources delete out-1',
  run: async (context, { positionals: [idOrName] }) => {
    const pigeon = context.signedIn()
    const id = await sourceId(pigeon, idOrName)
    await pigeon.DELETE('/v1/sources/{id}', { params: { path: { id } } })
    context.out.result({ id, deleted: true }, () => [`${id} is deleted.`])
    return EXIT.ok
  },
})

function describe(source: Source): string[] {
  const { ptr } = source
  return [
    `${source.name}: ${source.status}`,
    `  id         ${source.id}`,
    `  kind       ${source.relay_kind ?? source.kind}`,
    `  address    ${source.local_address ?? '-'}`,
    `  EHLO name  ${source.ehlo_name ?? '-'}`,
    `  warm-up    ${source.warm_up_started_at === null ? 'none' : `since ${time(source.warm_up_started_at)}, see pigeon lanes`}`,
    ...(source.cost_per_thousand === null ? [] : [`  cost       ${cost(source)}`]),
    `  PTR        ${ptr.status}${ptr.checked_at === null ? '' : `, checked ${time(ptr.checked_at)}`}`,
    ...(ptr.problem === null ? [] : [`  ${ptr.problem}`]),
  ]
}

function cost(source: Source): string {
  const money = (amount: number): string => (amount / MICRO).toFixed(2)
  const cap = (amount: number | null): string => (amount === null ? '' : ` of ${money(amount)}`)
  const today = `${money(source.spent_today)}${cap(source.daily_cost_cap)} today`
  return `${today}, ${money(source.spent_this_month)}${cap(source.monthly_cost_cap)} this month`
}

export const sources = [
  listSources,
  addSource,
  action('drain', 'Drains: it ends what it has in hand and is given nothing new.', (pigeon, init) =>
    pigeon.POST('/v1/sources/{id}/drain', init),
  ),
  action('activate', 'Lets mail leave from it (again).', (pigeon, init) =>
    pigeon.POST('/v1/sources/{id}/activate', init),
  ),
  action('disable', 'Disables: nothing leaves from it.', (pigeon, init) =>
    pigeon.POST('/v1/sources/{id}/disable', init),
  ),
  checkSource,
  warmUpSource,
  deleteSource,
]
