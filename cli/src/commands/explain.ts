import { take, type components } from '@pigeon/sdk'
import { oneOf } from '#collect.ts'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { campaignId } from '#find-by-name.ts'
import { explanationText, rehearsalText } from '#explanation-text.ts'

type Explanation = components['schemas']['Explanation']

/** Sent means 0; what would not go now ends with 1, so that a script can ask. */
const exitCodeOf = ({ verdict }: Explanation): number => (verdict === 'sends' ? EXIT.ok : EXIT.failed)

export const explain = command({
  name: 'explain',
  summary: 'What would happen to a message to this address, and what is in its way. Nothing is sent.',
  positionals: ['ADDRESS'],
  options: {
    from: { type: 'string', value: 'DOMAIN|ADDRESS', description: "The sender; the campaign's when absent." },
    campaign: { type: 'string', value: 'ID|latest', description: 'As a message of this campaign.' },
    class: {
      type: 'string',
      value: 'bulk|transactional',
      description: "Its class (the campaign's, or bulk).",
    },
  },
  example: 'pigeon explain someone@gmail.com --from example.org',
  run: async (context, { values, positionals: [to] }) => {
    const messageClass =
      values.class === undefined ? undefined : oneOf('--class', values.class, ['bulk', 'transactional'])
    const pigeon = context.signedIn()
    const body = {
      to,
      ...(values.from === undefined ? {} : { from: values.from }),
      ...(values.campaign === undefined ? {} : { campaign_id: await campaignId(pigeon, values.campaign) }),
      ...(messageClass === undefined ? {} : { message_class: messageClass }),
    }
    const found = await take(pigeon.POST('/v1/explain', { body }))
    context.out.result(found, () => explanationText(found))
    return exitCodeOf(found)
  },
})

/** The server ends a rehearsal before: counting, look-ups and the simulation have deadlines of their own. */
const REHEARSAL_WITHIN_MS = 120_000

export const rehearse = command({
  name: 'rehearse',
  summary:
    'What would become of a campaign: how long it takes, what bounces, what holds it up. Nothing is sent.',
  positionals: [],
  options: {
    campaign: { type: 'string', value: 'ID|latest', description: 'Which one.' },
    as: {
      type: 'string',
      value: 'live|sandbox',
      description: 'live: by the habits that providers have published. Default: as it would be sent.',
    },
  },
  required: ['campaign'],
  example: 'pigeon rehearse --campaign latest --as live',
  run: async (context, { values }) => {
    const as = values.as === undefined ? {} : { as: oneOf('--as', values.as, ['live', 'sandbox']) }
    const pigeon = context.signedIn({ timeoutMs: REHEARSAL_WITHIN_MS })
    const id = await campaignId(pigeon, values.campaign ?? '')
    const found = await take(
      pigeon.POST('/v1/campaigns/{id}/rehearse', { params: { path: { id } }, body: as }),
    )
    context.out.result(found, () => rehearsalText(found))
    return EXIT.ok
  },
})
