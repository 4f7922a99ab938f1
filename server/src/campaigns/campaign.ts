import { Problem } from '#platform/problem.ts'

export type CampaignStatus = 'draft' | 'scheduled' | 'sending' | 'paused' | 'sent' | 'cancelled'

/** What a person can ask of a campaign. */
export type CampaignAction = 'edit' | 'send' | 'schedule' | 'pause' | 'resume' | 'cancel' | 'delete'

const ALLOWED: Readonly<Record<CampaignAction, readonly CampaignStatus[]>> = {
  edit: ['draft', 'scheduled'],
  send: ['draft', 'scheduled'],
  schedule: ['draft', 'scheduled'],
  pause: ['sending'],
  resume: ['paused'],
  cancel: ['scheduled', 'sending', 'paused'],
  delete: ['draft', 'cancelled', 'sent'],
}

/** The first that refuses names what can be done instead. */
export function assertAllowed(action: CampaignAction, status: CampaignStatus): void {
  if (ALLOWED[action].includes(status)) return
  const possible = Object.entries(ALLOWED)
    .filter(([, from]) => from.includes(status))
    .map(([name]) => name)
  throw new Problem(
    'conflict',
    `campaigns.cannot_${action}`,
    `The campaign is ${status}: it cannot ${action}. Possible now: ${possible.join(', ') || 'nothing'}.`,
  )
}

/** Channel on which a change of status is told at once to delivery: `{"id":…,"status":…}`. */
export const CAMPAIGNS_CHANNEL = 'campaigns'

export const LIMITS = {
  /** Contacts in one transaction of the fan-out, unless the setting says otherwise. */
  fanOutChunk: 5_000,
  /** Parts of a list that are fanned out at the same time. */
  fanOutParts: 2,
  /** Contacts below which a list is one part: two writers would only wait for each other. */
  fanOutSplit: 20_000,
  /** Messages that one transaction of a cancellation takes. */
  cancelChunk: 5_000,
  /** Messages of a campaign that one transaction looks at, to make them wait again. */
  requeueChunk: 5_000,
  nameLength: 255,
} as const

/**
 * The instant at which a wall clock in `timeZone` shows `local` (`2026-12-01T09:00`). In the hour that a clock
 * change skips it is the instant after the gap; in the hour that comes twice it is the first one.
 */
export function instantOf(local: string, timeZone: string): Date {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(local)) throw invalidTime(local)
  const asUtc = Date.parse(`${local}Z`)
  // The parser makes 2 March of 30 February.
  if (Number.isNaN(asUtc) || !new Date(asUtc).toISOString().startsWith(local)) throw invalidTime(local)
  const before = asUtc - offsetMs(asUtc - 86_400_000, timeZone)
  const after = asUtc - offsetMs(asUtc + 86_400_000, timeZone)
  const fits = [before, after].filter((instant) => instant + offsetMs(instant, timeZone) === asUtc)
  return new Date(fits.length > 0 ? Math.min(...fits) : before)
}

function invalidTime(local: string): Problem {
  const message = `Write the time as 2026-12-01T09:00, without an offset: it is read in the campaign's time zone. Given: ${local.slice(0, 40)}.`
  return new Problem('invalid', 'campaigns.time_invalid', message, {
    errors: [{ field: 'send_at', code: 'time_invalid', message }],
  })
}

/** How far the zone's clocks are ahead of UTC at an instant. */
function offsetMs(instant: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(instant)
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0)
  const shown = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  )
  return shown - Math.floor(instant / 1000) * 1000
}

export function assertTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en-US', { timeZone })
  } catch (cause) {
    const message = `"${timeZone.slice(0, 60)}" is not a time zone: use a name like Europe/Lisbon or UTC.`
    throw new Problem('invalid', 'time_zone_unknown', message, {
      cause,
      errors: [{ field: 'time_zone', code: 'time_zone_unknown', message }],
    })
  }
}
