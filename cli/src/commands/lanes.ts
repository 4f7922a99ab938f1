import { setTimeout as sleep } from 'node:timers/promises'
import { paginate, take, type Pigeon, type components } from '@pigeon/sdk'
import { LIMIT_OPTION, collect, oneOf, wholeNumber } from '#collect.ts'
import { command, type Command } from '#command.ts'
import type { Context } from '#context.ts'
import { countText } from '#count-text.ts'
import { EXIT } from '#exit-codes.ts'
import { checkedId } from '#find-by-name.ts'
import { interrupted } from '#interrupted.ts'
import { number, table, time } from '#output.ts'
import { patiently } from '#patiently.ts'
import { MODE_OPTION, sendingMode } from '#sending-mode.ts'

type Lane = components['schemas']['Lane']
type LaneOrder = components['schemas']['LaneOrder']

const STATES = ['open', 'slowed', 'suspended', 'probing', 'paused'] as const
const REFRESH_MS = 1_000
const PAGE = 100
const MAX_MINUTES = 10_080
const MAX_PER_MINUTE = 1_000_000

const showLanes = command({
  name: 'lanes',
  summary: 'How mail goes from each source to each provider, second by second until Ctrl-C.',
  positionals: [],
  options: {
    state: { type: 'string', value: 'STATE', description: `Only these: ${STATES.join(', ')}.` },
    provider: { type: 'string', value: 'NAME', description: 'Only this provider.' },
    source: { type: 'string', value: 'NAME', description: 'Only this source.' },
    once: { type: 'boolean', description: 'Show it once, as when this is no terminal.' },
  },
  example: 'pigeon lanes --state suspended',
  run: async (context, { values }) => {
    const { out } = context
    const pigeon = context.signedIn()
    const { state, provider, source } = values
    const filter = {
      ...(state === undefined ? {} : { state: oneOf('--state', state, STATES) }),
      ...(provider === undefined ? {} : { provider }),
      ...(source === undefined ? {} : { source }),
    }
    const read = async (): Promise<Lane[]> => {
      const lanes: Lane[] = []
      const pages = paginate(
        (page) => take(pigeon.GET('/v1/lanes', { params: { query: { ...page, ...filter } } })),
        PAGE,
      )
      for await (const lane of pages) lanes.push(lane)
      return lanes
    }
    if (values.once === true || out.isJson || !out.hasScreen) {
      const lanes = await read()
      out.result(lanes, () => laneLines(lanes))
      return EXIT.ok
    }
    await follow(context, read)
    return EXIT.ok
  },
})

async function follow({ out, url }: Context, read: () => Promise<Lane[]>): Promise<void> {
  const { signal, release } = interrupted()
  while (!signal.aborted) {
    const lanes = await patiently(read)
    const now = time(new Date().toISOString())
    out.screen([`Lanes of ${url}, ${now}. Ctrl-C ends this.`, '', ...laneLines(lanes)])
    await sleep(REFRESH_MS, undefined, { signal }).catch(() => undefined)
  }
  release()
}

/** A line for each lane. */
export function laneLines(lanes: readonly Lane[]): string[] {
  return table(
    [
      'provider',
      'source',
      'state',
      'a minute',
      'connections',
      'limits',
      'active',
      'waiting',
      'refused',
      'until',
      'why',
    ],
    lanes.map((lane) => [
      lane.mode === 'live' ? lane.provider : `${lane.provider} (sandbox)`,
      lane.source + (lane.warming ? ` (warming, ${lane.budget_left ?? 0} left)` : ''),
      lane.state,
      number(lane.per_minute),
      `${lane.connections}${lane.max_connections === null ? '' : `/${lane.max_connections}`}`,
      limitsText(lane),
      number(lane.active),
      countText(lane.waiting),
      `${Math.round(lane.refused_share * 100)}%`,
      time(lane.until),
      [lane.reason ?? '', paceText(lane), ...lane.orders.flatMap(limitText)]
        .filter((text) => text !== '')
        .join('; '),
    ]),
    ['left', 'left', 'left', 'right', 'right', 'left', 'right', 'right', 'right'],
  )
}

/** `20/s 100/conn`: what the shaping files say of messages. */
function limitsText({ limits }: Lane): string {
  if (limits === null) return '-'
  const words = [
    [limits.messages_per_second, 's'],
    [limits.messages_per_minute, 'min'],
    [limits.messages_per_hour, 'h'],
    [limits.messages_per_day, 'day'],
    [limits.messages_per_connection, 'conn'],
  ] as const
  const given = words.flatMap(([count, unit]) => (count === null ? [] : [`${number(count)}/${unit}`]))
  return given.length === 0 ? 'none' : given.join(' ')
}

function paceText({ limits }: Lane): string {
  if (limits === null || limits.pace_per_minute === null) return ''
  return `slowed to ${number(limits.pace_per_minute)} a minute`
}

function limitText({ messages_per_minute, until }: LaneOrder): string[] {
  if (messages_per_minute === null) return []
  return [`at most ${number(messages_per_minute)} a minute${until === null ? '' : ` until ${time(until)}`}`]
}

const TARGET = {
  mode: MODE_OPTION,
  source: { type: 'string', value: 'NAME', description: 'Only from this source; from all when absent.' },
} as const

interface Target {
  readonly mode: 'sandbox' | 'live'
  readonly provider: string
  readonly source?: string
}

type Act = (pigeon: Pigeon, body: Target) => Promise<{ data?: { order: LaneOrder | null } }>

function action(name: string, summary: string, act: Act): Command {
  return command({
    name: `lanes ${name}`,
    summary,
    positionals: ['PROVIDER'],
    options: TARGET,
    example: `pigeon lanes ${name} google`,
    run: async (context, { values, positionals: [provider] }) => {
      const target = await targetOf(context.signedIn(), provider, values)
      return show(context, target, act(context.signedIn(), target))
    },
  })
}

const pauseLanes = command({
  name: 'lanes pause',
  summary: 'Sends nothing to a provider until it is resumed; what waits uses no attempt.',
  positionals: ['PROVIDER'],
  options: {
    ...TARGET,
    reason: { type: 'string', value: 'WORDS', description: 'For those who ask why nothing is sent.' },
  },
  example: 'pigeon lanes pause google --reason "They block us, see ticket 12"',
  run: async (context, { values, positionals: [provider] }) => {
    const pigeon = context.signedIn()
    const target = await targetOf(pigeon, provider, values)
    const body = { ...target, ...(values.reason === undefined ? {} : { reason: values.reason }) }
    return show(context, target, pigeon.POST('/v1/lanes/pause', { body }))
  },
})

const limitLanes = command({
  name: 'lanes limit',
  summary: 'Sends no more than so many messages a minute from each source to a provider.',
  positionals: ['PROVIDER', 'MESSAGES'],
  options: {
    ...TARGET,
    for: { type: 'string', value: 'MINUTES', description: 'Until the order is deleted when absent.' },
  },
  example: 'pigeon lanes limit google 600 --for 120',
  run: async (context, { values, positionals: [provider, messages] }) => {
    const pigeon = context.signedIn()
    const target = await targetOf(pigeon, provider, values)
    const body = {
      ...target,
      messages_per_minute: wholeNumber('MESSAGES', messages, MAX_PER_MINUTE),
      ...(values.for === undefined ? {} : { for_minutes: wholeNumber('--for', values.for, MAX_MINUTES) }),
    }
    return show(context, target, pigeon.POST('/v1/lanes/limit', { body }))
  },
})

const listOrders = command({
  name: 'lanes orders',
  summary: 'Pauses and limits that people have ordered, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon lanes orders',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const orders = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/lanes/orders', { params: { query: { ...page } } })),
    )
    context.out.result(orders, () =>
      table(
        ['id', 'mode', 'provider', 'source', 'order', 'since'],
        orders.map((order) => [
          order.id,
          order.mode,
          order.provider,
          order.source ?? '(all)',
          orderText(order),
          time(order.created_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const deleteOrder = command({
  name: 'lanes delete-order',
  summary: 'Takes back an order, whatever it says.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon lanes delete-order 01900000-0000-7000-8000-000000000000',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('an order', text)
    await context.signedIn().DELETE('/v1/lanes/orders/{id}', { params: { path: { id } } })
    context.out.result({ id }, () => [`The order ${id} is taken back.`])
    return EXIT.ok
  },
})

async function targetOf(
  pigeon: Pigeon,
  provider: string,
  values: { readonly mode?: string; readonly source?: string },
): Promise<Target> {
  const mode = await sendingMode(pigeon, values.mode)
  return { mode, provider, ...(values.source === undefined ? {} : { source: values.source }) }
}

async function show(
  { out }: Context,
  { mode, provider, source }: Target,
  answer: Promise<{ data?: { order: LaneOrder | null } }>,
): Promise<number> {
  const { order } = await take(answer)
  const about = `${provider} (${mode}) from ${source ?? 'every source'}`
  out.result(order, () => [`${about}: ${order === null ? 'nothing is ordered any more' : orderText(order)}`])
  return EXIT.ok
}

function orderText(order: LaneOrder): string {
  const parts = [
    ...(order.paused === null ? [] : [`paused: ${order.paused}`]),
    ...limitText(order),
    ...(order.probe_at === null ? [] : ['one message asks']),
  ]
  return parts.join('; ')
}

export const lanes = [
  showLanes,
  pauseLanes,
  action('resume', 'Ends a pause: what waits is due at once.', (pigeon, body) =>
    pigeon.POST('/v1/lanes/resume', { body }),
  ),
  limitLanes,
  action('probe', 'Ends a suspension early: one message asks.', (pigeon, body) =>
    pigeon.POST('/v1/lanes/probe', { body }),
  ),
  listOrders,
  deleteOrder,
]
