import { paginate, PigeonError, take, type Pigeon, type components } from '@pigeon/sdk'
import { command } from '#command.ts'
import { EXIT, Failure, usageFailure } from '#exit-codes.ts'
import { readJson, readText } from '#files.ts'
import { importFile, importText, type Import } from '#import-file.ts'
import { number } from '#output.ts'
import { readUntil } from '#patiently.ts'
import { readWholeReport, reportText, type CampaignReport } from '#report-text.ts'
import { templateDescription } from '#template-input.ts'
import { isOver, watchCampaign } from '#watch-campaign.ts'

type SandboxStats = components['schemas']['SandboxStats']

const VERIFY_WITHIN_MS = 30_000
const POLL_MS = 500
/** Greylisting, full mailboxes and back-off take their time whatever the size of the list. */
const SEND_AT_LEAST_MS = 600_000
const SEND_MS_A_CONTACT = 20

export const demo = command({
  name: 'demo',
  summary:
    'Sends a first campaign: domain, contacts, template, campaign, report. What npm start and npm run demo do.',
  positionals: [],
  options: {
    'contacts-file': { type: 'string', value: 'FILE', description: 'CSV of contacts.' },
    'template-file': { type: 'string', value: 'FILE', description: 'MJML source of the newsletter.' },
    'template-description': {
      type: 'string',
      value: 'FILE',
      description: 'JSON with its name, subject and variables.',
    },
    from: { type: 'string', value: 'ADDRESS', description: 'Sender; its domain is added and verified.' },
    'from-name': { type: 'string', value: 'NAME', description: "Sender's name." },
  },
  required: ['contacts-file', 'template-file', 'template-description', 'from'],
  example:
    'pigeon demo --contacts-file people.csv --template-file letter.mjml --template-description letter.json --from news@example.com',
  run: async (context, { values }) => {
    const { out } = context
    const pigeon = context.signedIn()
    const from = values.from ?? ''
    const description = templateDescription(
      await readJson(values['template-description'] ?? ''),
      values['template-description'] ?? '',
    )
    const mjml = await readText(values['template-file'] ?? '')
    const domain = await verifiedDomain(pigeon, domainOf(from))
    out.note(
      `The domain ${domain.name} may send (DKIM keys ${domain.dns_records.length > 1 ? 'published' : 'known'}).`,
    )
    const list = await take(pigeon.POST('/v1/lists', { body: { name: 'Monthly letter' } }))
    const imported = await importFile(pigeon, out, { file: values['contacts-file'] ?? '', listId: list.id })
    const template = await take(pigeon.POST('/v1/templates', { body: { ...description, mjml } }))
    const campaign = await take(
      pigeon.POST('/v1/campaigns', {
        body: {
          name: description.name,
          list_id: list.id,
          template_id: template.id,
          from_email: from,
          from_name: values['from-name'] ?? null,
        },
      }),
    )
    await take(pigeon.POST('/v1/campaigns/{id}/send', { params: { path: { id: campaign.id } } }))
    const withinMs = SEND_AT_LEAST_MS + imported.rows_read * SEND_MS_A_CONTACT
    const metrics = await watchCampaign(pigeon, out, campaign.id, withinMs)
    const report = await readWholeReport(pigeon, campaign.id)
    const received = await take(
      pigeon.GET('/v1/sandbox/stats', { params: { query: { campaign_id: campaign.id } } }),
    )
    const result = demoResult(report, received, imported)
    out.result(result, () => demoText(report, received, imported))
    if (!isOver(metrics)) out.note(`The campaign was not over within ${number(withinMs / 1000)} s.`)
    return isGood(result) ? EXIT.ok : EXIT.failed
  },
})

function domainOf(address: string): string {
  const [, domain] = /^[^@\s]+@([^@\s]+)$/.exec(address) ?? []
  if (domain === undefined)
    throw usageFailure(`--from is an address like news@example.com, not ${JSON.stringify(address)}.`)
  return domain
}

async function verifiedDomain(pigeon: Pigeon, name: string) {
  const { id } = await addedDomain(pigeon, name)
  const verify = () => take(pigeon.POST('/v1/domains/{id}/verify', { params: { path: { id } } }))
  const domain = await readUntil(verify, ({ status }) => status === 'verified', {
    everyMs: POLL_MS,
    withinMs: VERIFY_WITHIN_MS,
  })
  if (domain.status === 'verified') return domain
  const missing = domain.dns_records
    .filter(({ status }) => status !== 'ok')
    .map(({ name: at, message }) => `${at}: ${message}`)
  throw new Failure(`The domain ${name} could not be verified. ${missing.join(' ')}`)
}

async function addedDomain(pigeon: Pigeon, name: string): Promise<{ id: string }> {
  try {
    return await take(pigeon.POST('/v1/domains', { body: { name } }))
  } catch (error) {
    if (!(error instanceof PigeonError) || error.status !== 409) throw error
    const all = paginate((page) => take(pigeon.GET('/v1/domains', { params: { query: { ...page } } })))
    for await (const domain of all) if (domain.name === name.toLowerCase()) return domain
    throw error
  }
}

export interface DemoResult {
  readonly campaign_id: string
  readonly accepted: number
  readonly delivered: number
  readonly sent: number
  readonly bounced: number
  readonly failed: number
  readonly suppressed: number
  readonly cancelled: number
  readonly in_flight: number
  readonly balanced: boolean
  readonly deferred_then_delivered: number
  /** Different messages; second copies are `duplicates`. */
  readonly received_by_windtunnel: number
  readonly duplicates: number
  readonly seconds: number
  readonly messages_per_second: number
  readonly imported: { rows: number; created: number; updated: number; rejected: number; seconds: number }
}

export function demoResult(report: CampaignReport, received: SandboxStats, imported: Import): DemoResult {
  const { delivered, sent, bounced, failed, suppressed, cancelled } = report.states
  return {
    campaign_id: report.campaign_id,
    accepted: report.accepted,
    delivered,
    sent,
    bounced,
    failed,
    suppressed,
    cancelled,
    in_flight: report.in_flight,
    balanced: report.balanced,
    deferred_then_delivered: report.deferred_then_delivered,
    received_by_windtunnel: received.distinct,
    duplicates: received.duplicates,
    seconds: report.seconds,
    messages_per_second: report.messages_per_second,
    imported: {
      rows: imported.rows_read,
      created: imported.rows_created,
      updated: imported.rows_updated,
      rejected: imported.rows_rejected,
      seconds: imported.seconds,
    },
  }
}

/**
 * Whether everybody is accounted for: the ledger balances, nothing is under way, and what arrived is what the platform
 * says it delivered. A connection cut before the reply leaves a message that arrives twice: the second copy is a
 * duplicate and no second delivery.
 */
export function isGood(result: DemoResult): boolean {
  const isOver = result.balanced && result.in_flight === 0 && result.accepted > 0
  return isOver && result.received_by_windtunnel === result.delivered + result.sent
}

function demoText(report: CampaignReport, received: SandboxStats, imported: Import): string[] {
  const isSame = received.distinct === report.states.delivered + report.states.sent
  return [
    ...importText(imported),
    '',
    ...reportText(report),
    '',
    `The windtunnel received ${number(received.distinct)} messages and ${number(received.duplicates)} second copies:` +
      ` ${isSame ? 'exactly what was delivered.' : 'NOT what was delivered.'}`,
  ]
}
