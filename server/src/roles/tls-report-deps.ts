import { hostname } from 'node:os'
import type { Config } from '#config/sections.ts'
import type { SendingMode } from '#events/email-events.ts'
import { createMailRoutes, type MailRouteSettings } from '#delivery/mail-routes.ts'
import { createReportSender } from '#delivery/tls-policy/send-report.ts'
import { dnsClientOf } from '#delivery/tls-policy/tls-policies.ts'
import type { TlsReportDeps } from '#delivery/tls-policy/tls-reports.ts'
import type { Transport } from '#delivery/transport/transport.ts'
import { loadInstallationKeys } from '#domains/load-signing-keys.ts'
import type { Database } from '#platform/postgres/database.ts'
import type { Context } from './context.ts'

/** Modes whose recipient domains are told how TLS went. */
export function reportedModes(config: Config): readonly SendingMode[] {
  if (config.PIGEON_TLS_REPORTS === 'off' || config.PIGEON_TLS_REPORT_FROM === undefined) return []
  return config.PIGEON_TLS_REPORTS === 'all' ? ['live', 'sandbox'] : ['live']
}

/** What the daily reports need, from what a deliver process has. */
export function tlsReportDeps(from: {
  readonly context: Context
  readonly db: Database
  readonly settings: MailRouteSettings
  readonly transport: Transport
}): TlsReportDeps {
  const { context, db, settings, transport } = from
  const { config, clock, log, keys } = context
  const sender = config.PIGEON_TLS_REPORT_FROM ?? ''
  const organization = config.PIGEON_TLS_REPORT_ORGANIZATION
  const dns = {
    live: dnsClientOf(settings.live, clock),
    sandbox: dnsClientOf(settings.sandbox, clock),
  }
  const way = (mode: SendingMode) => ({
    client: dns[mode],
    allowPrivate: settings[mode].allowPrivate,
    ca: settings[mode].sts?.ca,
  })
  const send = createReportSender({
    clock,
    routes: createMailRoutes({ clock }, settings),
    transport,
    loadKeys: (mode) => loadInstallationKeys({ db, keys }, sender.slice(sender.lastIndexOf('@') + 1), mode),
    https: { live: way('live'), sandbox: way('sandbox') },
    settings: {
      organization,
      from: sender,
      ehloName: config.PIGEON_EHLO_NAME ?? hostname(),
      tls: config.PIGEON_TLS_POLICY,
    },
  })
  return {
    db,
    clock,
    log,
    modes: reportedModes(config),
    dns,
    send,
    by: { organization, contact: sender },
  }
}
