import { createMailRoutes, type MailRouteSettings } from '#delivery/mail-routes.ts'
import { loadShaping, type Shaping } from '#delivery/shaping/shaping.ts'
import { createTlsPolicies } from '#delivery/tls-policy/tls-policies.ts'
import type { RehearseDeps } from '#explain/rehearse-campaign.ts'
import { createRehearsalRunner } from '#explain/run-rehearsal.ts'
import { systemClock } from '#platform/clock.ts'
import type { Database } from '#platform/postgres/database.ts'
import { silentLog } from './factories.ts'

/** Nobody answers there: look-ups fail after the deadline of the resolver. */
const NO_DNS = '127.0.0.1:9'

/** The limits that Pigeon ships. */
export const shippedShaping = async (): Promise<Shaping> =>
  loadShaping({ log: silentLog, clock: systemClock, file: undefined })

/** What explanations see of delivery: its own resolver, policies and limits, with the name server of a test. */
export function deliveryView(options: {
  readonly db: Database
  readonly shaping: Shaping
  readonly dnsServer?: string
}): RehearseDeps['delivery'] {
  const route = {
    dnsServers: [options.dnsServer ?? NO_DNS],
    port: 25,
    allowPrivate: true,
    dnssec: false,
  }
  const settings: MailRouteSettings = { live: route, sandbox: route }
  const plan = { firstMs: 300_000, maxMs: 14_400_000, absentAgainMs: 600_000, expiresMs: 72 * 3_600_000 }
  const sandbox = { ...plan, firstMs: 1_000, absentAgainMs: 1_000, expiresMs: 30_000 }
  return {
    routes: createMailRoutes({ clock: systemClock }, settings),
    tlsPolicies: createTlsPolicies({ db: options.db, clock: systemClock }, settings),
    shaping: options.shaping,
    tls: 'opportunistic',
    plans: { live: { bulk: plan, transactional: plan }, sandbox: { bulk: sandbox, transactional: sandbox } },
  }
}

/** Rehearsals by the published habits, in threads of their own. */
export const rehearsalDeps: Pick<RehearseDeps, 'rehearsals' | 'rehearsal'> = {
  rehearsals: createRehearsalRunner({ deadlineMs: 120_000 }),
  rehearsal: { seed: 1, habits: 'gentle', profiles: undefined, maxConnections: 60 },
}
