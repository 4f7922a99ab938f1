import { request } from 'node:https'
import { createDkimSigner, type DkimSignerOptions } from '@pigeon/mail/dkim.ts'
import { dotStuff } from '@pigeon/mail/smtp-data.ts'
import { tlsReportFileName } from '@pigeon/mail/tls-policy/tls-report.ts'
import { writeTlsReportMail } from '@pigeon/mail/tls-policy/tls-report-mail.ts'
import type { SendingMode } from '#events/email-events.ts'
import type { DnsClient } from '#delivery/dns-client.ts'
import type { MailRoutes } from '#delivery/mail-routes.ts'
import type { TlsPolicy, Transport } from '#delivery/transport/transport.ts'
import type { Clock } from '#platform/clock.ts'
import { findPublicAddresses } from './find-addresses.ts'
import type { ReportSender, SendReport } from './tls-reports.ts'
import { periodOf } from './write-report.ts'

export interface ReportSenderDeps {
  readonly clock: Clock
  readonly routes: MailRoutes
  readonly transport: Transport
  /** Keys that sign for the sender of reports; undefined when its domain is not verified. */
  readonly loadKeys: (mode: SendingMode) => Promise<DkimSignerOptions | undefined>
  readonly https: Readonly<Record<SendingMode, HttpsWay>>
  readonly settings: {
    readonly organization: string
    /** The sender's address. */
    readonly from: string
    readonly ehloName: string
    readonly tls: TlsPolicy
  }
}

/** How reports are posted in one mode. */
export interface HttpsWay {
  readonly client: DnsClient
  readonly allowPrivate: boolean
  /** Authorities (PEM) in place of the known ones. */
  readonly ca?: string | undefined
}

/** Sends a report by signed mail or by HTTPS (RFC 8460 5.3 and 5.4). */
export function createReportSender(deps: ReportSenderDeps): ReportSender {
  return (to, report, signal) =>
    to.kind === 'mailto'
      ? mail(deps, to.address, report)
      : post(deps.https[report.mode], to.url, report, signal)
}

/**
 * The report as a message to its address. TLS is as the installation is set, whatever the domain's policy: a report must
 * arrive just when that does not work (RFC 8460 5.3). An address whose server takes it late gets it twice at worst.
 */
async function mail(deps: ReportSenderDeps, to: string, report: SendReport): Promise<string | undefined> {
  const { settings, clock } = deps
  const domain = to.slice(to.lastIndexOf('@') + 1)
  const keys = await deps.loadKeys(report.mode)
  if (keys === undefined)
    return `the domain of ${settings.from} is not verified here, so nothing can be signed`
  const answer = await deps.routes.resolve(report.mode, domain)
  if (answer.kind !== 'hosts') return `${domain} has no mail host now (${answer.kind})`
  const now = clock.now()
  const submitter = settings.from.slice(settings.from.lastIndexOf('@') + 1)
  const message = writeTlsReportMail({
    from: settings.from,
    to,
    date: now,
    organization: settings.organization,
    policyDomain: report.domain,
    reportId: report.reportId,
    fileName: tlsReportFileName(submitter, report.domain, periodOf(report.day), report.reportId),
    report: report.body,
  })
  const signatures = createDkimSigner(keys).sign(message, {
    timestampSeconds: Math.floor(now.getTime() / 1000),
  })
  const result = await deps.transport.send(
    {
      lane: `${report.mode}/tls-reports`,
      hosts: answer.hosts,
      port: deps.routes.port(report.mode),
      tls: settings.tls,
      ehloName: settings.ehloName,
    },
    {
      mailFrom: settings.from,
      rcptTo: to,
      data: dotStuff(message, signatures),
      beforeFinalDot: async () => {},
    },
  )
  if (result.kind === 'answer') return result.text
  if (result.kind !== 'reply') return result.error
  const isTaken = result.phase === 'dot' && result.reply.code >= 200 && result.reply.code < 300
  return isTaken ? undefined : `${result.reply.code} ${result.reply.text}`
}

async function post(
  way: HttpsWay,
  url: string,
  report: SendReport,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { hostname } = new URL(url)
  const found = await findPublicAddresses(way, hostname, signal)
  if (found.length === 0) return `${hostname} has no address that may be asked`
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/tlsrpt+gzip', 'content-length': report.body.length }
    const asking = request(url, {
      method: 'POST',
      headers,
      signal,
      agent: false,
      lookup: (_name, _options, done) => done(null, found),
      ...(way.ca === undefined ? {} : { ca: way.ca }),
    })
    asking.on('error', (error) => resolve(error.message))
    asking.on('response', (response) => {
      const { statusCode = 0 } = response
      resolve(statusCode >= 200 && statusCode < 300 ? undefined : `answered with ${statusCode}`)
      asking.destroy()
    })
    asking.end(report.body)
  })
}
