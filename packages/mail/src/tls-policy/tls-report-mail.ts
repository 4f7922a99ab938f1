import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import { addressHeader, formatDate, messageId, structuredHeader, textHeader } from '@pigeon/mail/headers.ts'
import { base64Lines } from '@pigeon/mail/transfer-encoding.ts'

export interface TlsReportMail {
  readonly from: string
  readonly to: string
  readonly date: Date
  /** Name of the sending organisation. */
  readonly organization: string
  /** The domain that the report is about. */
  readonly policyDomain: string
  readonly reportId: string
  readonly fileName: string
  /** JSON, compressed with gzip. */
  readonly report: Buffer
}

/** The report as mail (RFC 8460 5.3), ready to be signed. Throws `MailError` for what must not stand in a header. */
export function writeTlsReportMail(mail: TlsReportMail): Buffer {
  const { policyDomain, reportId } = mail
  const submitter = mail.from.slice(mail.from.lastIndexOf('@') + 1)
  const boundary = `=_${hash('sha256', `${reportId} ${mail.fileName}`).slice(0, 40)}`
  const about = `Report Domain: ${policyDomain} Submitter: ${submitter} Report-ID: <${reportId}@${submitter}>`
  const lines = [
    `--${boundary}`,
    'Content-Type: text/plain; charset=us-ascii',
    '',
    'This is an aggregate TLS report (RFC 8460) about mail',
    `to ${policyDomain}.`,
    '',
    `--${boundary}`,
    `Content-Type: application/tlsrpt+gzip;\r\n filename="${mail.fileName}"`,
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment;\r\n filename="${mail.fileName}"`,
    '',
    base64Lines(mail.report),
    `--${boundary}--`,
    '',
  ]
  const header = [
    addressHeader('From', [{ name: mail.organization, email: mail.from }]),
    addressHeader('To', [{ email: mail.to }]),
    textHeader('Subject', about),
    structuredHeader('Date', formatDate(mail.date)),
    structuredHeader('Message-ID', messageId(reportId, submitter)),
    structuredHeader('TLS-Report-Domain', policyDomain),
    structuredHeader('TLS-Report-Submitter', submitter),
    structuredHeader('Auto-Submitted', 'auto-generated'),
    'MIME-Version: 1.0\r\n',
    `Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="${boundary}"\r\n`,
  ]
  return Buffer.from(`${header.join('')}\r\n${lines.join('\r\n')}`, 'latin1')
}
