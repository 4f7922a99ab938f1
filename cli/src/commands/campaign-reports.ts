import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { number } from '#output.ts'
import { wholeNumber } from '#collect.ts'
import { readReport, readWholeReport, reportText } from '#report-text.ts'
import { isOver, watchCampaign, type CampaignMetrics } from '#watch-campaign.ts'

const MAX_SECONDS = 31_536_000

const watchCommand = command({
  name: 'campaigns watch',
  summary:
    'Shows how far a campaign is until it is over: exits with 0 when it was sent, with 1 when it was cancelled.',
  positionals: ['ID|latest'],
  options: {
    timeout: { type: 'string', value: 'SECONDS', description: 'Gives up after this time, with exit code 1.' },
  },
  example: 'pigeon campaigns watch latest',
  run: async (context, { values, positionals: [text] }) => {
    const withinMs =
      values.timeout === undefined
        ? Number.POSITIVE_INFINITY
        : wholeNumber('--timeout', values.timeout, MAX_SECONDS) * 1000
    const pigeon = context.signedIn()
    const id = await campaignId(pigeon, text)
    const metrics = await watchCampaign(pigeon, context.out, id, withinMs)
    context.out.result(metrics, () => [endText(metrics)])
    return isOver(metrics) && metrics.status === 'sent' ? EXIT.ok : EXIT.failed
  },
})

function endText(metrics: CampaignMetrics): string {
  if (!isOver(metrics))
    return `The campaign is still ${metrics.status}; ${number(metrics.in_flight)} messages are in flight.`
  return `The campaign is ${metrics.status}, after ${number(metrics.seconds)} s.`
}

const reportCommand = command({
  name: 'campaigns report',
  summary:
    'What became of every message: counts, providers, reasons with the words of the servers, the ledger.',
  positionals: ['ID|latest'],
  options: {},
  example: 'pigeon campaigns report latest --json',
  run: async (context, { positionals: [text] }) => {
    const pigeon = context.signedIn()
    const id = await campaignId(pigeon, text)
    const first = await readReport(pigeon, id)
    const report = first.in_flight === 0 ? await readWholeReport(pigeon, id) : first
    context.out.result(report, () => reportText(report))
    return EXIT.ok
  },
})

export const campaignReports = [watchCommand, reportCommand]
