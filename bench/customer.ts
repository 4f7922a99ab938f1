import { createPigeon, take, upload, type Pigeon } from '@pigeon/sdk'
import { sampleContacts } from '@pigeon/server/test/bench-contacts.ts'
import { say, until } from './measure.ts'

/** Somebody with an API key and a domain to send from. */
export interface Customer {
  readonly pigeon: Pigeon
  readonly domain: string
}

const OWNER = { email: 'owner@bench.example', password: 'correct horse battery staple' }
const DOMAIN = 'news.bench-sender.example'
const IMPORT_MS = 600_000
const POLL_MS = 50

export async function openAccount(url: string): Promise<Customer> {
  const visitor = createPigeon({ baseUrl: url })
  await visitor.POST('/v1/setup', { body: { ...OWNER, tenant_name: 'Bench' } })
  const { access_token: token } = await take(visitor.POST('/v1/auth/login', { body: OWNER }))
  const { key } = await take(
    createPigeon({ baseUrl: url, token }).POST('/v1/api-keys', { body: { name: 'Bench' } }),
  )
  const pigeon = createPigeon({ baseUrl: url, token: key })
  const domain = await take(pigeon.POST('/v1/domains', { body: { name: DOMAIN } }))
  const { status } = await take(
    pigeon.POST('/v1/domains/{id}/verify', { params: { path: { id: domain.id } } }),
  )
  if (status !== 'verified') throw new Error(`The sending domain is ${status}.`)
  return { pigeon, domain: DOMAIN }
}

export interface Imported {
  readonly listId: string
  /** From the upload's first byte to the last row stored. */
  readonly seconds: number
  /** Of these, until the upload was answered. */
  readonly uploadSeconds: number
  readonly bytes: number
  readonly created: number
}

/** A list with `count` contacts at these domains, through the public API. */
export async function importContacts(
  { pigeon }: Customer,
  count: number,
  domains?: readonly string[],
): Promise<Imported> {
  const csv = new Blob(sampleContacts(count, domains))
  const list = await take(pigeon.POST('/v1/lists', { body: { name: 'Everybody' } }))
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1000
  const accepted = await take(
    pigeon.POST('/v1/lists/{id}/import', {
      params: { path: { id: list.id } },
      ...upload({}, csv, 'contacts.csv'),
    }),
  )
  const uploadSeconds = seconds()
  let saidAt = 0
  const done = await until('import', POLL_MS, IMPORT_MS, async () => {
    const found = await take(pigeon.GET('/v1/imports/{id}', { params: { path: { id: accepted.id } } }))
    if (seconds() - saidAt > 5) {
      saidAt = seconds()
      say(`  ${found.rows_read} rows, ${saidAt.toFixed(0)} s`)
    }
    return found.state === 'completed' || found.state === 'failed' ? found : undefined
  })
  if (done.state === 'failed') throw new Error(`The import failed: ${done.error}`)
  return { listId: list.id, seconds: seconds(), uploadSeconds, bytes: csv.size, created: done.rows_created }
}

export interface BenchTemplate {
  readonly subject: string
  readonly html: string
  readonly text: string
}

/** A draft with this content for everybody on the list. */
export async function createCampaign(
  customer: Customer,
  listId: string,
  template: BenchTemplate,
): Promise<string> {
  const { pigeon, domain } = customer
  const made = await take(pigeon.POST('/v1/templates', { body: { name: 'Bench', ...template } }))
  const campaign = await take(
    pigeon.POST('/v1/campaigns', {
      body: {
        name: 'Bench',
        list_id: listId,
        template_id: made.id,
        from_email: `news@${domain}`,
        from_name: 'News',
      },
    }),
  )
  return campaign.id
}
