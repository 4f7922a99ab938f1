import { take, type components } from '@pigeon/sdk'
import { command } from '#command.ts'
import { EXIT } from '#exit-codes.ts'
import { table, time } from '#output.ts'

type Tracking = components['schemas']['TenantTracking']

const showTracking = command({
  name: 'tracking show',
  summary: 'What is tracked, and which host links have.',
  positionals: [],
  options: {},
  example: 'pigeon tracking show',
  run: async (context) => {
    const tracking = await take(context.signedIn().GET('/v1/tenant/tracking'))
    context.out.result(tracking, () => describe(tracking))
    return EXIT.ok
  },
})

const setTracking = command({
  name: 'tracking set',
  summary: 'Changes what is said, and leaves the rest.',
  positionals: [],
  options: {
    opens: { type: 'boolean', description: 'Openings of bulk campaigns (--no-opens: not).' },
    'no-opens': { type: 'boolean', description: 'No openings.' },
    clicks: { type: 'boolean', description: 'Clicks in bulk campaigns (--no-clicks: not).' },
    'no-clicks': { type: 'boolean', description: 'No clicks.' },
    privacy: { type: 'boolean', description: 'Nobody is tracked, whatever a campaign says.' },
    'no-privacy': { type: 'boolean', description: 'Takes that back.' },
    host: { type: 'string', value: 'HOST', description: "Host of links; '' for the installation's." },
  },
  example: 'pigeon tracking set --no-opens --host links.example.com',
  run: async (context, { values }) => {
    const pigeon = context.signedIn()
    const now = await take(pigeon.GET('/v1/tenant/tracking'))
    const body = {
      opens: chosen(values.opens, values['no-opens'], now.opens),
      clicks: chosen(values.clicks, values['no-clicks'], now.clicks),
      privacy: chosen(values.privacy, values['no-privacy'], now.privacy),
      host: values.host === undefined ? now.host : values.host === '' ? null : values.host,
    }
    const tracking = await take(pigeon.PUT('/v1/tenant/tracking', { body }))
    context.out.result(tracking, () => describe(tracking))
    return EXIT.ok
  },
})

const verifyTracking = command({
  name: 'tracking verify',
  summary: 'Looks up now whether the host of links leads here.',
  positionals: [],
  options: {},
  example: 'pigeon tracking verify',
  run: async (context) => {
    const tracking = await take(context.signedIn().POST('/v1/tenant/tracking/verify'))
    context.out.result(tracking, () => describe(tracking))
    return EXIT.ok
  },
})

export const tracking = [showTracking, setTracking, verifyTracking]

function chosen(on: boolean | undefined, off: boolean | undefined, now: boolean): boolean {
  if (off === true) return false
  return on ?? now
}

function describe({ opens, clicks, privacy, host, host_verified_at, cname }: Tracking): string[] {
  const word = (isOn: boolean): string => (isOn ? 'yes' : 'no')
  return table(
    ['opens', 'clicks', 'privacy', 'host', 'verified', 'CNAME'],
    [[word(opens), word(clicks), word(privacy), host ?? '-', time(host_verified_at), cname]],
  )
}
