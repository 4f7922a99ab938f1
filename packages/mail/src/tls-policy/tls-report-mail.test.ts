import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import PostalMime from 'postal-mime'
import { writeTlsReportMail, type TlsReportMail } from './tls-report-mail.ts'

const mail: TlsReportMail = {
  from: 'tls-reports@sender.example',
  to: 'reports@receiver.example',
  date: new Date('2026-02-02T01:00:00Z'),
  organization: 'Sender, Inc.',
  policyDomain: 'receiver.example',
  reportId: '0190e1c0-0000-7000-8000-000000000001',
  fileName: 'sender.example!receiver.example!1!2!x.json.gz',
  report: Buffer.from(Array.from({ length: 500 }, (_, i) => i % 256)),
}

test('a report by mail has the parts and header fields of RFC 8460 5.3', async () => {
  const written = writeTlsReportMail(mail)
  const read = await PostalMime.parse(written)
  const header = (name: string): string | undefined => read.headers.find((one) => one.key === name)?.value
  assert.match(header('content-type') ?? '', /^multipart\/report; *report-type="tlsrpt";/)
  assert.equal(header('tls-report-domain'), 'receiver.example')
  assert.equal(header('tls-report-submitter'), 'sender.example')
  assert.equal(
    read.subject,
    `Report Domain: receiver.example Submitter: sender.example Report-ID: <${mail.reportId}@sender.example>`,
  )
  assert.deepEqual([read.from?.name, read.to?.[0]?.address], ['Sender, Inc.', mail.to])
  const [report] = read.attachments
  assert.deepEqual([report?.mimeType, report?.filename], ['application/tlsrpt+gzip', mail.fileName])
  assert.ok(report !== undefined && typeof report.content !== 'string')
  assert.ok(Buffer.from(new Uint8Array(report.content)).equals(mail.report))
  for (const line of written.toString('latin1').split('\r\n'))
    assert.ok(!/[\r\n]/.test(line) && line.length < 998)
})

test('nothing of a domain or an address becomes a header of its own', () => {
  assert.throws(() => writeTlsReportMail({ ...mail, policyDomain: 'x.example\r\nBcc: all@x.example' }), /./)
  assert.throws(() => writeTlsReportMail({ ...mail, to: 'a@b.example\r\nBcc: c@d.example' }), /./)
})
