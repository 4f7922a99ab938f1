import { setTimeout as delay } from 'node:timers/promises'
import { createPigeon, take, upload, type components, type Pigeon } from '@pigeon/sdk'
import type { RunningPlatform } from '@pigeon/server/test/platform.ts'
import { waitFor } from '@pigeon/server/test/wait-for.ts'

/** Somebody who uses the platform through its public API, with an API key and a verified domain. */
export interface Account {
  readonly platform: RunningPlatform
  readonly pigeon: Pigeon
  readonly domain: string
  readonly from: string
}

export type Import = components['schemas']['Import']
export type Metrics = components['schemas']['CampaignMetrics']
export type Campaign = components['schemas']['Campaign']

/** Between two questions to the API, so that asking costs the platform nothing to speak of. */
const POLL_MS = 50
const IMPORT_DEADLINE_MS = 120_000
/** Generous: other work may share the two cores. */
export const CAMPAIGN_DEADLINE_MS = 180_000

const OWNER = { email: 'owner@scenario.example', password: 'correct horse battery staple' }
const DOMAIN = 'news.scenario.example'

/** First-run set-up, sign-in, an API key, and a domain whose records the windtunnel serves. */
export async function openAccount(platform: RunningPlatform): Promise<Account> {
  const visitor = createPigeon({ baseUrl: platform.url })
  await visitor.POST('/v1/setup', { body: { ...OWNER, tenant_name: 'Scenario', time_zone: 'Europe/Lisbon' } })
  const { access_token: token } = await take(visitor.POST('/v1/auth/login', { body: OWNER }))
  const { key } = await take(
    createPigeon({ baseUrl: platform.url, token }).POST('/v1/api-keys', { body: { name: 'Scenario' } }),
  )
  const pigeon = createPigeon({ baseUrl: platform.url, token: key })
  const made = await take(pigeon.POST('/v1/domains', { body: { name: DOMAIN } }))
  // In live mode nobody else does, and the windtunnel stands in for the Internet.
  await platform.windtunnel.publish(
    made.dns_records.map(({ type, name, value }) => ({ type, name, data: value })),
  )
  const { status } = await take(pigeon.POST('/v1/domains/{id}/verify', { params: { path: { id: made.id } } }))
  if (status !== 'verified') throw new Error(`The domain is ${status}.`)
  return { platform, pigeon, domain: DOMAIN, from: `news@${DOMAIN}` }
}

export async function createList(account: Account, name: string): Promise<string> {
  return (await take(account.pigeon.POST('/v1/lists', { body: { name } }))).id
}

/** Uploads a CSV and returns the import as it was accepted. */
export async function uploadCsv(
  account: Account,
  listId: string,
  csv: Blob,
  name = 'contacts.csv',
): Promise<Import> {
  return take(
    account.pigeon.POST('/v1/lists/{id}/import', {
      params: { path: { id: listId } },
      ...upload({}, csv, name),
    }),
  )
}

/** Waits until an import has ended, also while the API is being restarted. */
export async function importEnd(
  account: Account,
  id: string,
  deadlineMs = IMPORT_DEADLINE_MS,
): Promise<Import> {
  return ask(
    'the import to end',
    async () => {
      const found = await take(account.pigeon.GET('/v1/imports/{id}', { params: { path: { id } } }))
      return found.state === 'completed' || found.state === 'failed' ? found : undefined
    },
    deadlineMs,
  )
}

/** A list with these contacts, through a CSV import. */
export async function listOf(account: Account, name: string, csv: string): Promise<string> {
  const listId = await createList(account, name)
  const done = await importEnd(account, (await uploadCsv(account, listId, new Blob([csv]))).id)
  if (done.state !== 'completed') throw new Error(`The import has failed: ${done.error}`)
  return listId
}

/** Mailboxes of several providers, Google's a third; `domains` replaces them. `who`: the beginning of their names. */
export function contactsCsv(
  count: number,
  domains: readonly string[] = DOMAINS,
  who: string = 'person',
): string {
  const rows = Array.from(
    { length: count },
    (_, n) => `${who}${n}@${domains[n % domains.length]},Ann ${n},Porto`,
  )
  return ['email,first_name,city', ...rows].join('\n')
}

const DOMAINS = [
  'gmail.com',
  'outlook.com',
  'plain.example',
  'yahoo.com',
  'gmail.com',
  'bench.example',
  'gmx.de',
]

export interface CampaignInput {
  readonly listId: string
  readonly name?: string
  readonly subject?: string
  readonly html?: string
  readonly text?: string
  readonly fromName?: string
  readonly messageClass?: 'bulk' | 'transactional'
}

/** A draft with a template of its own. Returns its id. */
export async function createCampaign(account: Account, input: CampaignInput): Promise<string> {
  const { pigeon, from } = account
  const { name = 'Campaign', subject = 'Hello {{ first_name }}', html = HTML } = input
  const body = { name, subject, html, ...(input.text === undefined ? {} : { text: input.text }) }
  const template = await take(pigeon.POST('/v1/templates', { body }))
  const campaign = await take(
    pigeon.POST('/v1/campaigns', {
      body: {
        name,
        list_id: input.listId,
        template_id: template.id,
        from_email: from,
        from_name: input.fromName ?? 'Scenario',
        message_class: input.messageClass ?? 'bulk',
      },
    }),
  )
  return campaign.id
}

const HTML =
  '<p>Dear {{ first_name }} of {{ city }}, this is short.</p><p><a href="{{ unsubscribe_url }}">Leave</a></p>'

export async function act(
  account: Account,
  id: string,
  action: 'send' | 'pause' | 'resume' | 'cancel',
): Promise<Campaign> {
  return take(account.pigeon.POST(`/v1/campaigns/{id}/${action}`, { params: { path: { id } } }))
}

export async function metricsOf(account: Account, id: string): Promise<Metrics> {
  return take(account.pigeon.GET('/v1/campaigns/{id}/metrics', { params: { path: { id } } }))
}

/** Waits until so many messages are in a final state. */
export async function untilFinal(account: Account, id: string, count: number): Promise<Metrics> {
  return ask(`${count} messages to be final`, async () => {
    const metrics = await metricsOf(account, id)
    return metrics.accepted - metrics.in_flight >= count ? metrics : undefined
  })
}

/** Waits until every message is final: the campaign is sent, or cancelled with nothing left in flight. */
export async function campaignEnd(account: Account, id: string): Promise<Metrics> {
  return ask('the campaign to end', async () => {
    const metrics = await metricsOf(account, id)
    return metrics.completed_at === null ? undefined : metrics
  })
}

/** Asks the platform until there is an answer; while it is being restarted there is none. */
export async function ask<T>(what: string, question: () => Promise<T>, deadlineMs = CAMPAIGN_DEADLINE_MS) {
  return waitFor(
    what,
    async () => {
      await delay(POLL_MS)
      return question()
    },
    deadlineMs,
  )
}
