import { policyFields } from './policy-record.ts'

/** RFC 8460 4.3. */
export type TlsFailureType =
  | 'starttls-not-supported'
  | 'certificate-host-mismatch'
  | 'certificate-expired'
  | 'certificate-not-trusted'
  | 'validation-failure'
  | 'tlsa-invalid'
  | 'dnssec-invalid'
  | 'dane-required'
  | 'sts-policy-fetch-error'
  | 'sts-policy-invalid'
  | 'sts-webpki-invalid'

/** RFC 8460 4.2: the policy that sessions were held to. */
export interface ReportedPolicy {
  readonly type: 'sts' | 'tlsa' | 'no-policy-found'
  readonly domain: string
  /** The lines of the MTA-STS policy, or the TLSA records. */
  readonly lines: readonly string[]
  /** The mx patterns of an MTA-STS policy. */
  readonly mx: readonly string[]
}

/** RFC 8460 4.4: sessions that failed in one way. Absent: not known. */
export interface ReportedFailure {
  readonly type: TlsFailureType
  readonly sendingIp?: string | undefined
  readonly mxHost?: string | undefined
  readonly receivingIp?: string | undefined
  readonly sessions: number
  readonly reason?: string | undefined
}

export interface TlsReportInput {
  readonly organization: string
  readonly contact: string
  readonly reportId: string
  /** First and last second of the day in UTC (RFC 8460 4.1). */
  readonly start: Date
  readonly end: Date
  readonly policies: readonly {
    readonly policy: ReportedPolicy
    readonly successes: number
    readonly failures: readonly ReportedFailure[]
  }[]
}

/** Where a domain wants its reports: `mailto:` and `https:` addresses in its order. */
export type ReportAddress =
  | { readonly kind: 'mailto'; readonly address: string }
  | { readonly kind: 'https'; readonly url: string }

/** A domain that names more addresses gets its report at the first of them. */
const MAX_REPORT_ADDRESSES = 4
const ADDRESS = /^[!#-'*+/-9=?A-Z^-~.-]{1,64}@[A-Za-z0-9.-]{1,255}$/

/** Reads `_smtp._tls.DOMAIN` TXT (RFC 8460 3). Empty: the domain wants no reports, or its record is not valid. */
export function parseTlsReportRecord(records: readonly string[]): ReportAddress[] {
  const rua = policyFields(records, 'TLSRPTv1')?.get('rua') ?? ''
  return rua.split(',').slice(0, MAX_REPORT_ADDRESSES).flatMap(reportAddress)
}

function reportAddress(given: string): ReportAddress[] {
  const text = given.trim()
  if (/^mailto:/i.test(text)) {
    const address = decoded(text.slice('mailto:'.length).replace(/\?.*$/, ''))
    return address !== undefined && ADDRESS.test(address) ? [{ kind: 'mailto', address }] : []
  }
  const url = URL.parse(text)
  const isUsable = url?.protocol === 'https:' && url.username === '' && url.password === ''
  return isUsable ? [{ kind: 'https', url: url.href }] : []
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** The report as JSON text (RFC 8460 4.4 and 4.5). */
export function writeTlsReport(input: TlsReportInput): string {
  return JSON.stringify({
    'organization-name': input.organization,
    'date-range': { 'start-datetime': seconds(input.start), 'end-datetime': seconds(input.end) },
    'contact-info': input.contact,
    'report-id': input.reportId,
    policies: input.policies.map(({ policy, successes, failures }) => ({
      policy: {
        'policy-type': policy.type,
        ...(policy.lines.length === 0 ? {} : { 'policy-string': policy.lines }),
        'policy-domain': policy.domain,
        ...(policy.mx.length === 0 ? {} : { 'mx-host': policy.mx }),
      },
      summary: {
        'total-successful-session-count': successes,
        'total-failure-session-count': failures.reduce((sum, failure) => sum + failure.sessions, 0),
      },
      ...(failures.length === 0 ? {} : { 'failure-details': failures.map(failureDetails) }),
    })),
  })
}

function failureDetails(failure: ReportedFailure) {
  // Undefined values leave no trace in JSON.
  return {
    'result-type': failure.type,
    'sending-mta-ip': failure.sendingIp,
    'receiving-mx-hostname': failure.mxHost,
    'receiving-ip': failure.receivingIp,
    'failed-session-count': failure.sessions,
    'failure-reason-code': failure.reason,
  }
}

function seconds(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}

/** RFC 8460 5.1: `submitter!domain!start!end!id.json.gz`. */
export function tlsReportFileName(
  submitter: string,
  policyDomain: string,
  report: Pick<TlsReportInput, 'start' | 'end'>,
  id: string,
): string {
  const at = (time: Date): number => Math.floor(time.getTime() / 1000)
  return `${submitter}!${policyDomain}!${at(report.start)}!${at(report.end)}!${id}.json.gz`
}
