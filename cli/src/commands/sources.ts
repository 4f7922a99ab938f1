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

const COST = {
  cost: { type: 'string', value: 'AMOUNT', description: 'What a thousand messages cost, like 0.10.' },
  'daily-cap': { type: 'string', value: 'AMOUNT', description: 'What it may cost on one day (UTC).' },
  'monthly-cap': { type: 'string', value: 'AMOUNT', description: 'What it may cost in one month (UTC).' },
} as const

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
    ...COST,
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

/** A value that `none` takes away; an option that was not given leaves what is there. */
function changed<T>(given: string | undefined, before: T | null, read: (text: string) => T | null): T | null {
  if (given === undefined) return before
  return given === 'none' ? null : read(given)
}

const setSource = command({
  name: 'sources set',
  summary: 'Changes what is said of a source; what is not given stays, and "none" takes away.',
  positionals: SOURCE,
  options: {
    name: { type: 'string', value: 'NAME', description: 'Another name.' },
    address: { type: 'string', value: 'IP', description: 'Another address of this machine.' },
    ehlo: { type: 'string', value: 'HOST', description: 'Another name in EHLO.' },
    ...COST,
    config: { type: 'string', value: 'JSON', description: 'Settings of the relay, all of them.' },
    'secret-file': { type: 'string', value: 'FILE', description: 'Holds password or key of the relay.' },
  },
  example: 'pigeon sources set ses-eu --cost 0.10 --daily-cap 25 --monthly-cap none',
  run: async (context, { values, positionals: [idOrName] }) => {
    if (Object.values(values).every((value) => value === undefined))
      throw usageFailure('Say what is to change: pigeon help sources set')
    const pigeon = context.signedIn()
    const params = { path: { id: await sourceId(pigeon, idOrName) } }
    const before = await take(pigeon.GET('/v1/sources/{id}', { params }))
    const amount = (option: 'cost' | 'daily-cap' | 'monthly-cap', was: number | null): number | null =>
      changed(values[option], was, (text) => millionths(`--${option}`, text))
    const body = {
      name: values.name ?? before.name,
      local_address: changed(values.address, before.local_address, String),
      ehlo_name: changed(values.ehlo, before.ehlo_name, String),
      relay_kind: before.relay_kind,
      relay_config: values.config === undefined ? before.relay_config : objectOf('--config', values.config),
      ...(values['secret-file'] === undefined ? {} : { relay_secret: await secretOf(values['secret-file']) }),
      warm_up_curve: before.warm_up_curve,
      cost_per_thousand: amount('cost', before.cost_per_thousand),
      daily_cost_cap: amount('daily-cap', before.daily_cost_cap),
      monthly_cost_cap: amount('monthly-cap', before.monthly_cost_cap),
    }
    const source = await take(pigeon.PUT('/v1/sources/{id}', { params, body }))
    context.out.result(source, () => describe(source))
    return EXIT.ok
  },
})

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
  setSource,
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
