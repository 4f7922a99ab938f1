import { take, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { checkedId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'

type Webhook = components['schemas']['Webhook']
type NewWebhook = components['schemas']['NewWebhook']
type Events = NonNullable<NewWebhook['events']>

const EVENTS_OPTION = {
  type: 'string',
  value: 'EVENT,...',
  description: 'Like email.bounced,email.complained; every event when absent.',
} as const

const listWebhooks = command({
  name: 'webhooks list',
  summary: 'Who is told of what, newest first.',
  positionals: [],
  options: { limit: LIMIT_OPTION },
  example: 'pigeon webhooks list',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const found = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/webhooks', { params: { query: { ...page } } })),
    )
    context.out.result(found, () =>
      table(
        ['id', 'url', 'events', 'state'],
        found.map((each) => [each.id, each.url, each.events?.join(', ') ?? 'all', stateOf(each)]),
      ),
    )
    return EXIT.ok
  },
})

function stateOf({ enabled, disabled_reason: reason, failing_since: since }: Webhook): string {
  if (!enabled) return `disabled${reason === null ? '' : `: ${reason}`}`
  return since === null ? 'enabled' : `failing since ${time(since)}`
}

const addWebhook = command({
  name: 'webhooks add',
  summary: 'Has your server told what happens, and shows the secret that signatures are checked with, once.',
  positionals: ['URL'],
  options: {
    events: EVENTS_OPTION,
    description: { type: 'string', value: 'TEXT', description: 'For people.' },
  },
  example: 'pigeon webhooks add https://example.com/pigeon --events email.bounced,email.complained',
  run: async (context, { values, positionals: [url] }) => {
    const body: NewWebhook = {
      url,
      events: values.events === undefined ? null : eventsOf(values.events),
      description: values.description ?? null,
    }
    const made = await take(context.signedIn().POST('/v1/webhooks', { body }))
    context.out.result(made, () => [`${made.id}  ${made.url}`, made.secret, 'It is not shown again.'])
    return EXIT.ok
  },
})

/** The server knows which there are, and says so. */
function eventsOf(text: string): Events {
  return text.split(',').map((each) => each.trim()) as Events
}

const testWebhook = command({
  name: 'webhooks test',
  summary: 'Sends an event webhook.test; the delivery says how that went.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon webhooks test 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a webhook', text)
    const made = await take(context.signedIn().POST('/v1/webhooks/{id}/test', { params: { path: { id } } }))
    context.out.result(made, () => [`On its way as ${made.id}. See: pigeon webhooks deliveries ${id}`])
    return EXIT.ok
  },
})

const listDeliveries = command({
  name: 'webhooks deliveries',
  summary: 'What a webhook was told and how that went, newest first.',
  positionals: ['ID'],
  options: {
    state: { type: 'string', value: 'pending|delivered|failed', description: 'Only these.' },
    event: { type: 'string', value: 'EVENT', description: 'Only this one.' },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon webhooks deliveries 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11 --state failed',
  run: async (context, { values, positionals: [text] }) => {
    const id = checkedId('a webhook', text)
    const pigeon = context.signedIn()
    const filter = {
      ...(values.state === undefined
        ? {}
        : { state: oneOf('--state', values.state, ['pending', 'delivered', 'failed']) }),
      ...(values.event === undefined ? {} : { event: values.event }),
    }
    const found = await collect(values.limit, (page) =>
      take(
        pigeon.GET('/v1/webhooks/{id}/deliveries', {
          params: { path: { id }, query: { ...page, ...filter } },
        }),
      ),
    )
    context.out.result(found, () =>
      table(
        ['id', 'at', 'event', 'state', 'attempts', 'next', 'last'],
        found.map((each) => [
          each.id,
          time(each.created_at),
          each.event,
          each.state,
          number(each.attempts),
          time(each.next_attempt_at),
          each.last_error ?? (each.last_status === null ? '-' : String(each.last_status)),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const replay = command({
  name: 'webhooks replay',
  summary: 'Delivers again everything that has failed, or what a range or an event names.',
  positionals: ['ID'],
  options: {
    event: { type: 'string', value: 'EVENT', description: 'Only this one.' },
    from: { type: 'string', value: 'TIME', description: 'What happened from then on, delivered or not.' },
    to: { type: 'string', value: 'TIME', description: '... and before then.' },
  },
  example: 'pigeon webhooks replay 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { values, positionals: [text] }) => {
    const id = checkedId('a webhook', text)
    const isRange = values.from !== undefined || values.to !== undefined
    const body = {
      ...(isRange ? {} : { state: 'failed' as const }),
      ...(values.event === undefined ? {} : { event: values.event }),
      ...(values.from === undefined ? {} : { from: values.from }),
      ...(values.to === undefined ? {} : { to: values.to }),
    }
    const done = await take(
      context.signedIn().POST('/v1/webhooks/{id}/replay', { params: { path: { id } }, body }),
    )
    context.out.result(done, () => [
      `${number(done.replayed)} are delivered again.${done.has_more ? ' There may be more: ask again later.' : ''}`,
    ])
    return EXIT.ok
  },
})

const rotate = command({
  name: 'webhooks rotate',
  summary: 'Makes a new secret and shows it, once; the one before signs as well for a day.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon webhooks rotate 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a webhook', text)
    const params = { path: { id } }
    const made = await take(context.signedIn().POST('/v1/webhooks/{id}/rotate', { params, body: {} }))
    context.out.result(made, () => [
      made.secret,
      `The one before is valid until ${time(made.previous_secret_until)}.`,
    ])
    return EXIT.ok
  },
})

const switches = (['enable', 'disable'] as const).map((verb) =>
  command({
    name: `webhooks ${verb}`,
    summary: verb === 'enable' ? 'Goes on with what waits.' : 'Sends nothing more, until it is enabled.',
    positionals: ['ID'],
    options: {},
    example: `pigeon webhooks ${verb} 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11`,
    run: async (context, { positionals: [text] }) => {
      const id = checkedId('a webhook', text)
      const params = { path: { id } }
      const pigeon = context.signedIn()
      const { url, events, description } = await take(pigeon.GET('/v1/webhooks/{id}', { params }))
      const body = { url, events, description, enabled: verb === 'enable' }
      const done = await take(pigeon.PUT('/v1/webhooks/{id}', { params, body }))
      context.out.result(done, () => [`${done.url} is ${stateOf(done)}.`])
      return EXIT.ok
    },
  }),
)

const deleteWebhook = command({
  name: 'webhooks delete',
  summary: 'Deletes a webhook, and what waits for it.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon webhooks delete 0199f2d4-7a10-7c3e-8b1a-5f3f0a2f9c11',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a webhook', text)
    await context.signedIn().DELETE('/v1/webhooks/{id}', { params: { path: { id } } })
    context.out.result({ id, deleted: true }, () => [`${id} is deleted.`])
    return EXIT.ok
  },
})

export const webhooks = [
  listWebhooks,
  addWebhook,
  testWebhook,
  listDeliveries,
  replay,
  rotate,
  ...switches,
  deleteWebhook,
]
