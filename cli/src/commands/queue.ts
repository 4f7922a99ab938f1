import { take, type Pigeon, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION } from '#collect.ts'
import { command } from '#command.ts'
import { countText } from '#count-text.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'
import { readUntil } from '#patiently.ts'
import { MODE_OPTION, sendingMode } from '#sending-mode.ts'

type QueueOrder = components['schemas']['QueueOrder']

const POLL_MS = 300
/** An order goes through a million messages in about this time. */
const DONE_WITHIN_MS = 600_000

const listQueue = command({
  name: 'queue list',
  summary: 'What waits to be sent: by provider and age, and by campaign.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon queue list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const providers = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/queue', { params: { query: { ...page } } })),
    )
    const campaigns = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/queue/campaigns', { params: { query: { ...page } } })),
    )
    context.out.result({ providers, campaigns }, () => [
      ...providerLines(providers),
      '',
      ...campaignLines(campaigns),
    ])
    return EXIT.ok
  },
})

function providerLines(providers: readonly components['schemas']['ProviderQueue'][]): string[] {
  return table(
    ['provider', 'mode', 'waiting', 'later', 'due < 1 min', '< 1 h', 'longer', 'oldest'],
    providers.map((each) => [
      each.provider + (each.stopped ? ' (stopped)' : ''),
      each.mode,
      countText(each.waiting),
      number(each.later),
      number(each.due_under_a_minute),
      number(each.due_under_an_hour),
      number(each.due_longer),
      time(each.oldest_due_at),
    ]),
    ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
  )
}

function campaignLines(campaigns: readonly components['schemas']['CampaignQueue'][]): string[] {
  return table(
    ['campaign', 'name', 'status', 'in flight', 'waiting', 'later', 'oldest'],
    campaigns.map((each) => [
      each.id,
      each.name,
      each.status,
      `${number(each.in_flight)}/${number(each.accepted)}`,
      countText(each.waiting),
      number(each.later),
      time(each.oldest_due_at),
    ]),
    ['left', 'left', 'left', 'right', 'right', 'right'],
  )
}

const TARGET = {
  provider: { type: 'string', value: 'NAME', description: 'For this provider, of all tenants.' },
  mode: MODE_OPTION,
  campaign: { type: 'string', value: 'ID|latest', description: 'Of this campaign.' },
} as const

const clearQueue = command({
  name: 'queue clear',
  summary: 'Cancels for good what waits; without --confirm it only says what that would be.',
  positionals: [],
  options: {
    ...TARGET,
    confirm: { type: 'string', value: 'NAME', description: 'Of the campaign, or else of the provider.' },
  },
  example: 'pigeon queue clear --campaign latest --confirm Spring',
  run: async (context, { values }) => {
    const { out } = context
    const pigeon = context.signedIn()
    const target = await targetOf(pigeon, values)
    const { confirm } = values
    const body = { ...target, ...(confirm === undefined ? {} : { confirm }) }
    const purge = await take(pigeon.POST('/v1/queue/purge', { body }))
    if (purge.order === null) {
      out.result(purge, () => [
        `${countText(purge.waiting)} messages wait. To cancel them: --confirm ${JSON.stringify(purge.confirm)}`,
      ])
      return EXIT.ok
    }
    const order = await untilDone(pigeon, purge.order)
    out.result(order, () => [`${number(order.done)} messages are cancelled.`, ...unfinished(order)])
    return order.completed_at === null ? EXIT.failed : EXIT.ok
  },
})

const retryQueue = command({
  name: 'queue retry',
  summary: 'Tries now what waits for its next try, or with --ended what failed or bounced of a campaign.',
  positionals: [],
  options: {
    ...TARGET,
    ended: {
      type: 'boolean',
      description: 'What has ended for a reason that may have passed; an unknown recipient stays bounced.',
    },
  },
  example: 'pigeon queue retry --campaign latest --ended',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const body = await targetOf(pigeon, values)
    const order = await untilDone(pigeon, await orderRetry(pigeon, body, values.ended === true))
    context.out.result(order, () => [`${number(order.done)} messages are due now.`, ...unfinished(order)])
    return order.completed_at === null ? EXIT.failed : EXIT.ok
  },
})

type Target = Awaited<ReturnType<typeof targetOf>>

function orderRetry(pigeon: Pigeon, target: Target, isOfEnded: boolean): Promise<QueueOrder> {
  if (!isOfEnded) return take(pigeon.POST('/v1/queue/flush', { body: target }))
  const { campaign_id } = target
  if (campaign_id === undefined)
    throw usageFailure('What has ended is tried again by campaign: give --campaign.')
  return take(pigeon.POST('/v1/queue/retry', { body: { ...target, campaign_id } }))
}

async function targetOf(
  pigeon: Pigeon,
  values: { readonly provider?: string; readonly mode?: string; readonly campaign?: string },
) {
  const { provider, campaign } = values
  if (provider === undefined && campaign === undefined) throw usageFailure('Give --provider or --campaign.')
  return {
    ...(provider === undefined ? {} : { provider, mode: await sendingMode(pigeon, values.mode) }),
    ...(campaign === undefined ? {} : { campaign_id: await campaignId(pigeon, campaign) }),
  }
}

function untilDone(pigeon: Pigeon, { id }: QueueOrder): Promise<QueueOrder> {
  const read = () => take(pigeon.GET('/v1/queue/orders/{id}', { params: { path: { id } } }))
  return readUntil(read, (order) => order.completed_at !== null, {
    everyMs: POLL_MS,
    withinMs: DONE_WITHIN_MS,
  })
}

function unfinished(order: QueueOrder): string[] {
  return order.completed_at === null ? [`The order ${order.id} is not done yet: it goes on.`] : []
}

export const queue = [listQueue, clearQueue, retryQueue]
