import { take } from '@pigeon/sdk'
import { command } from '#command.ts'
import { EXIT, Failure } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { interrupted } from '#interrupted.ts'
import { number } from '#output.ts'
import { isOver, watchCampaign } from '#watch-campaign.ts'

/** How a campaign that is in this state begins to send; what is not here sends already, or never will again. */
const BEGIN = { draft: 'send', scheduled: 'send', paused: 'resume' } as const

export const mailer = command({
  name: 'mailer run',
  summary: 'Sends a campaign and watches it until every message is final; Ctrl-C pauses it.',
  positionals: [],
  options: { campaign: { type: 'string', value: 'ID|latest', description: 'Which one.' } },
  required: ['campaign'],
  example: 'pigeon mailer run --campaign latest',
  run: async (context, { values }) => {
    const { out } = context
    const pigeon = context.signedIn()
    const id = await campaignId(pigeon, values.campaign ?? '')
    const params = { path: { id } }
    const { status } = await take(pigeon.GET('/v1/campaigns/{id}', { params }))
    if (status === 'draft' || status === 'scheduled' || status === 'paused')
      await take(pigeon.POST(`/v1/campaigns/{id}/${BEGIN[status]}`, { params }))
    const { signal, release } = interrupted()
    const metrics = await watchCampaign(
      pigeon,
      out,
      id,
      Number.POSITIVE_INFINITY,
      (now) => signal.aborted || now.status === 'paused',
    )
    release()
    if (signal.aborted && metrics.status === 'sending') {
      await take(pigeon.POST('/v1/campaigns/{id}/pause', { params }))
      out.note(`The campaign is paused. To go on: pigeon mailer run --campaign ${id}`)
    } else if (metrics.status === 'paused') {
      throw new Failure(`Somebody has paused the campaign. To go on: pigeon mailer run --campaign ${id}`)
    }
    const final = metrics.accepted - metrics.in_flight
    out.result(metrics, () => [
      `${metrics.status}: ${number(final)} of ${number(metrics.accepted)} messages are final.`,
    ])
    return isOver(metrics) ? EXIT.ok : EXIT.failed
  },
})
