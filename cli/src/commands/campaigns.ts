import { take, type Pigeon, type components } from '@pigeon/sdk'
import { collect, LIMIT_OPTION, oneOf } from '#collect.ts'
import { command, type Command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { campaignId, listId, poolId, templateId } from '#find-by-name.ts'
import { number, table, time } from '#output.ts'

type Campaign = components['schemas']['Campaign']

const STATUSES = ['draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled'] as const

const createCampaign = command({
  name: 'campaigns create',
  summary: 'Makes a draft: a template for a list.',
  positionals: [],
  options: {
    name: { type: 'string', value: 'NAME', description: 'Its name.' },
    list: { type: 'string', value: 'ID|NAME', description: 'Who gets it.' },
    template: { type: 'string', value: 'ID|NAME', description: 'What they get.' },
    from: { type: 'string', value: 'ADDRESS', description: 'Sender, of a verified domain.' },
    'from-name': { type: 'string', value: 'NAME', description: "Sender's name." },
    'reply-to': { type: 'string', value: 'ADDRESS', description: 'Where answers go.' },
    subject: { type: 'string', value: 'LIQUID', description: "Instead of the template's." },
    pool: { type: 'string', value: 'ID|NAME', description: "Leaves from it; the class's when absent." },
    class: { type: 'string', value: 'bulk|transactional', description: 'Class of its messages (bulk).' },
  },
  required: ['name', 'list', 'template', 'from'],
  example:
    'pigeon campaigns create --name November --list Newsletter --template Letter --from news@example.com',
  run: async (context, { values }) => {
    const messageClass = oneOf('--class', values.class ?? 'bulk', ['bulk', 'transactional'])
    const pigeon = context.signedIn()
    const made = await take(
      pigeon.POST('/v1/campaigns', {
        body: {
          name: values.name ?? '',
          list_id: await listId(pigeon, values.list ?? ''),
          template_id: await templateId(pigeon, values.template ?? ''),
          from_email: values.from ?? '',
          from_name: values['from-name'] ?? null,
          reply_to: values['reply-to'] ?? null,
          subject: values.subject ?? null,
          pool_id: values.pool === undefined ? null : await poolId(pigeon, values.pool),
          message_class: messageClass,
        },
      }),
    )
    context.out.result(made, () => describe(made))
    return EXIT.ok
  },
})

const listCampaigns = command({
  name: 'campaigns list',
  summary: 'Campaigns, newest first.',
  positionals: [],
  options: {
    status: { type: 'string', value: 'STATUS', description: `Only these: ${STATUSES.join(', ')}.` },
    limit: LIMIT_OPTION,
  },
  example: 'pigeon campaigns list --status sending',
  run: async (context, { values }) => {
    const status = values.status === undefined ? {} : { status: oneOf('--status', values.status, STATUSES) }
    const pigeon = context.signedIn()
    const campaigns = await collect(values.limit, (page) =>
      take(pigeon.GET('/v1/campaigns', { params: { query: { ...page, ...status } } })),
    )
    context.out.result(campaigns, () =>
      table(
        ['id', 'name', 'status', 'accepted', 'started', 'completed'],
        campaigns.map((each) => [
          each.id,
          each.name,
          each.status,
          number(each.accepted),
          time(each.started_at),
          time(each.completed_at),
        ]),
      ),
    )
    return EXIT.ok
  },
})

const ID = ['ID|latest'] as const

type Act = (pigeon: Pigeon, init: { params: { path: { id: string } } }) => Promise<{ data?: Campaign }>

function action(name: string, summary: string, act: Act): Command {
  return command({
    name: `campaigns ${name}`,
    summary,
    positionals: ID,
    options: {},
    example: `pigeon campaigns ${name} latest`,
    run: async (context, { positionals: [text] }) => {
      const pigeon = context.signedIn()
      const id = await campaignId(pigeon, text)
      const changed = await take(act(pigeon, { params: { path: { id } } }))
      context.out.result(changed, () => describe(changed))
      return EXIT.ok
    },
  })
}

const scheduleCampaign = command({
  name: 'campaigns schedule',
  summary: 'Sends at a wall-clock time, or moves that time.',
  positionals: ID,
  options: {
    at: { type: 'string', value: 'TIME', description: 'Like 2026-12-01T09:00.' },
    'time-zone': {
      type: 'string',
      value: 'NAME',
      description: "Like Europe/Lisbon; the tenant's when absent.",
    },
  },
  required: ['at'],
  example: 'pigeon campaigns schedule latest --at 2026-12-01T09:00 --time-zone Europe/Lisbon',
  run: async (context, { values, positionals: [text] }) => {
    const pigeon = context.signedIn()
    const id = await campaignId(pigeon, text)
    const zone = values['time-zone']
    const body = { send_at: values.at ?? '', ...(zone === undefined ? {} : { time_zone: zone }) }
    const changed = await take(pigeon.POST('/v1/campaigns/{id}/schedule', { params: { path: { id } }, body }))
    context.out.result(changed, () => describe(changed))
    return EXIT.ok
  },
})

function describe(campaign: Campaign): string[] {
  const when = campaign.scheduled_at === null ? '' : ` for ${time(campaign.scheduled_at)}`
  return [
    `${campaign.id}  ${campaign.name}: ${campaign.status}${campaign.status === 'scheduled' ? when : ''}`,
    ...(campaign.problem === null ? [] : [`  ${campaign.problem}`]),
  ]
}

export const campaigns = [
  createCampaign,
  listCampaigns,
  action('send', 'Sends now.', (pigeon, init) => pigeon.POST('/v1/campaigns/{id}/send', init)),
  scheduleCampaign,
  action('pause', 'Pauses: nothing more leaves.', (pigeon, init) =>
    pigeon.POST('/v1/campaigns/{id}/pause', init),
  ),
  action('resume', 'Goes on after a pause.', (pigeon, init) =>
    pigeon.POST('/v1/campaigns/{id}/resume', init),
  ),
  action('cancel', 'Cancels for good: what was not sent never will be.', (pigeon, init) =>
    pigeon.POST('/v1/campaigns/{id}/cancel', init),
  ),
]
