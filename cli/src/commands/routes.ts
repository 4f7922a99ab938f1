import { take, type components } from '@pigeon/sdk'
import { oneOf, wholeNumber } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT, usageFailure } from '#exit-codes.ts'
import { checkedId, poolId } from '#find-by-name.ts'
import { table } from '#output.ts'

type Rule = components['schemas']['RoutingRule']

const CLASSES = ['bulk', 'transactional'] as const
const MAX_RULES = 200

const listRoutes = command({
  name: 'routes list',
  summary: 'Routing rules, in the order in which they are asked.',
  positionals: [],
  options: {},
  example: 'pigeon routes list',
  run: async (context) => {
    const { data } = await take(context.signedIn().GET('/v1/routing-rules'))
    context.out.result(data, () => ruleLines(data))
    return EXIT.ok
  },
})

function ruleLines(rules: readonly Rule[]): string[] {
  return table(
    ['rule', 'id', 'for', 'pool'],
    rules.map((rule) => [String(rule.position), rule.id, describe(rule), rule.pool]),
  )
}

const CONDITIONS = {
  tenant: { type: 'string', value: 'ID,...', description: 'Of one of these tenants.' },
  campaign: { type: 'string', value: 'ID,...', description: 'Of one of these campaigns.' },
  class: { type: 'string', value: 'bulk|transactional', description: 'Of this class.' },
  provider: { type: 'string', value: 'NAME,...', description: 'To mailboxes of one of these providers.' },
  from: {
    type: 'string',
    value: 'DOMAIN,...',
    description: 'From one of these domains; *.DOMAIN is those below it.',
  },
} as const

const addRoute = command({
  name: 'routes add',
  summary: 'Adds a rule: messages that all its conditions fit leave from a pool.',
  positionals: ['POOL'],
  options: {
    ...CONDITIONS,
    position: { type: 'string', value: 'N', description: '1 is asked first; last when absent.' },
  },
  example: 'pigeon routes add ses-eu --provider google,microsoft --class bulk',
  run: async (context, { values, positionals: [pool] }) => {
    const pigeon = context.signedIn()
    const body = {
      pool_id: await poolId(pigeon, pool),
      ...conditionsOf(values),
      ...(values.position === undefined
        ? {}
        : { position: wholeNumber('--position', values.position, MAX_RULES) }),
    }
    const rule = await take(pigeon.POST('/v1/routing-rules', { body }))
    context.out.result(rule, () => [
      `Rule ${rule.position}: ${describe(rule)} leaves from ${rule.pool}. Its id is ${rule.id}.`,
    ])
    return EXIT.ok
  },
})

const orderRoutes = command({
  name: 'routes order',
  summary:
    'Asks the rules in another order: give the ids of those that come first; the others follow as they were.',
  positionals: ['ID,...'],
  options: {},
  example: 'pigeon routes order 019aab00-0000-7000-8000-000000000002,019aab00-0000-7000-8000-000000000001',
  run: async (context, { positionals: [text] }) => {
    const pigeon = context.signedIn()
    const first = listOf(text)?.map((id) => checkedId('a routing rule', id)) ?? []
    const { data: before } = await take(pigeon.GET('/v1/routing-rules'))
    const rest = before.map(({ id }) => id).filter((id) => !first.includes(id))
    const { data } = await take(pigeon.PUT('/v1/routing-rules/order', { body: { ids: [...first, ...rest] } }))
    context.out.result(data, () => ruleLines(data))
    return EXIT.ok
  },
})

const setRoute = command({
  name: 'routes set',
  summary: 'Replaces a rule where it stands: its pool and all its conditions.',
  positionals: ['ID', 'POOL'],
  options: CONDITIONS,
  example: 'pigeon routes set 019aab00-0000-7000-8000-000000000001 ses-eu --provider google',
  run: async (context, { values, positionals: [text, pool] }) => {
    const id = checkedId('a routing rule', text)
    const pigeon = context.signedIn()
    const body = { pool_id: await poolId(pigeon, pool), ...conditionsOf(values) }
    const rule = await take(pigeon.PUT('/v1/routing-rules/{id}', { params: { path: { id } }, body }))
    context.out.result(rule, () => [`Rule ${rule.position}: ${describe(rule)} leaves from ${rule.pool}.`])
    return EXIT.ok
  },
})

const deleteRoute = command({
  name: 'routes delete',
  summary: 'Deletes a rule.',
  positionals: ['ID'],
  options: {},
  example: 'pigeon routes delete 019aab00-0000-7000-8000-000000000001',
  run: async (context, { positionals: [text] }) => {
    const id = checkedId('a routing rule', text)
    await context.signedIn().DELETE('/v1/routing-rules/{id}', { params: { path: { id } } })
    context.out.result({ id, deleted: true }, () => [`${id} is deleted.`])
    return EXIT.ok
  },
})

const testRoute = command({
  name: 'routes test',
  summary: 'Says which pool a message of yours would leave from now, and why.',
  positionals: ['ADDRESS'],
  options: {
    from: { type: 'string', value: 'ADDRESS|DOMAIN', description: 'Who it is from.' },
    class: { type: 'string', value: 'bulk|transactional', description: 'Its class; bulk when absent.' },
    campaign: { type: 'string', value: 'ID', description: 'The campaign it belongs to.' },
  },
  example: 'pigeon routes test ann@gmail.com --from news@example.com',
  run: async (context, { values, positionals: [address] }) => {
    if (values.from === undefined) throw usageFailure('Say who the message is from: --from news@example.com.')
    const body = {
      recipient_domain: domainOf(address),
      from_domain: domainOf(values.from),
      message_class: values.class === undefined ? ('bulk' as const) : oneOf('--class', values.class, CLASSES),
      campaign_id: values.campaign === undefined ? null : checkedId('a campaign', values.campaign),
    }
    const route = await take(context.signedIn().POST('/v1/routing-rules/test', { body }))
    context.out.result(route, () => [`${address} is a mailbox of ${route.provider}.`, route.reason])
    return EXIT.ok
  },
})

function conditionsOf(values: { readonly [K in keyof typeof CONDITIONS]?: string }) {
  return {
    tenant_ids: listOf(values.tenant)?.map((id) => checkedId('a tenant', id)) ?? null,
    campaign_ids: listOf(values.campaign)?.map((id) => checkedId('a campaign', id)) ?? null,
    message_classes: values.class === undefined ? null : [oneOf('--class', values.class, CLASSES)],
    providers: listOf(values.provider) ?? null,
    from_domains: listOf(values.from) ?? null,
  }
}

/** `a,b` as a list; an option that was not given stays none. */
function listOf(text: string | undefined): string[] | undefined {
  return text
    ?.split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function domainOf(text: string): string {
  return text.slice(text.lastIndexOf('@') + 1)
}

function describe(rule: Rule): string {
  const words = [
    ['tenant', rule.tenant_ids],
    ['campaign', rule.campaign_ids],
    ['class', rule.message_classes],
    ['provider', rule.providers],
    ['from', rule.from_domains],
  ] as const
  const given = words.flatMap(([word, values]) => (values === null ? [] : [`${word} ${values.join(' or ')}`]))
  return given.length === 0 ? 'every message' : given.join(', ')
}

export const routes = [listRoutes, addRoute, setRoute, orderRoutes, deleteRoute, testRoute]
