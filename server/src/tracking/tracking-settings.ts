import { parseDomain } from '@pigeon/mail/address.ts'
import type { Clock } from '#platform/clock.ts'
import { asTenant, type Database } from '#platform/postgres/database.ts'
import { Problem } from '#platform/problem.ts'
import { lookUp } from '#sources/name-lookups.ts'
import { tenantNotFound } from '#tenants/get-tenant.ts'
import type { ResolveCname } from './resolve-cname.ts'
import {
  selectTracking,
  updateHostVerified,
  updateTracking,
  type TrackingRow,
} from './tracking-settings.store.ts'

export interface TrackingSettingsDeps {
  readonly db: Database
  readonly clock: Clock
  readonly resolveCname: ResolveCname
  /** Where recipients reach this installation. */
  readonly publicUrl: string
}

/** What a tenant has said about tracking, and where the host of its links must lead. */
export interface TrackingSettings extends TrackingRow {
  readonly cname: string
}

export interface TrackingInput {
  readonly opens: boolean
  readonly clicks: boolean
  readonly privacy: boolean
  /** null: the installation's. */
  readonly host: string | null
}

export async function getTrackingSettings(
  deps: TrackingSettingsDeps,
  tenantId: string,
): Promise<TrackingSettings> {
  return settingsOf(deps, await asTenant(deps.db, tenantId, selectTracking))
}

/** For campaigns that are prepared from now on; links that were sent stay good. Problem `tracking.bad_host`. */
export async function changeTrackingSettings(
  deps: TrackingSettingsDeps,
  tenantId: string,
  input: TrackingInput,
): Promise<TrackingSettings> {
  const tracking = { ...input, host: input.host === null ? null : parseHost(input.host) }
  const now = deps.clock.now()
  return settingsOf(
    deps,
    await asTenant(deps.db, tenantId, (transaction) => updateTracking(transaction, tracking, now)),
  )
}

/**
 * Looks up whether the host is an alias of the installation's: from then on links of live mail lead there. One that is none
 * any more loses that; a look-up that failed changes nothing. Problems `tracking.no_host`, `tracking.host_elsewhere`,
 * `tracking.lookup_failed`.
 */
export async function verifyTrackingHost(
  deps: TrackingSettingsDeps,
  tenantId: string,
): Promise<TrackingSettings> {
  const { host, cname } = await getTrackingSettings(deps, tenantId)
  if (host === null)
    throw new Problem('conflict', 'tracking.no_host', 'Say first which host the links shall have.')
  const lookup = await lookUp((signal) => deps.resolveCname(host, signal))
  if (lookup.kind === 'failed') {
    const message = `The look-up of ${host} failed (${lookup.reason}). Try again in a few minutes.`
    throw new Problem('unavailable', 'tracking.lookup_failed', message)
  }
  const isHere = lookup.values.some((name) => name.toLowerCase().replace(/\.$/, '') === cname)
  const verifiedAt = isHere ? deps.clock.now() : null
  await asTenant(deps.db, tenantId, (transaction) => updateHostVerified(transaction, host, verifiedAt))
  if (!isHere) {
    const found = lookup.values.length === 0 ? 'There is none yet' : `It leads to ${lookup.values.join(', ')}`
    const message = `${host} needs a CNAME record with the value ${cname}. ${found}; a new record can take an hour to be seen.`
    throw new Problem('conflict', 'tracking.host_elsewhere', message)
  }
  return getTrackingSettings(deps, tenantId)
}

function settingsOf(deps: TrackingSettingsDeps, row: TrackingRow | undefined): TrackingSettings {
  if (row === undefined) throw tenantNotFound()
  return { ...row, cname: new URL(deps.publicUrl).hostname }
}

/** A-labels, lower case. */
function parseHost(text: string): string {
  const parsed = parseDomain(text.trim().replace(/\.$/, ''))
  if (parsed.ok) return parsed.domain
  throw new Problem('invalid', 'tracking.bad_host', parsed.message, {
    errors: [{ field: 'host', code: 'tracking.bad_host', message: parsed.message }],
  })
}
