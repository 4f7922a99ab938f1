import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTlsReportRecord, tlsReportFileName, writeTlsReport } from './tls-report.ts'

test('the records of RFC 8460 3.1 name their addresses', () => {
  assert.deepEqual(parseTlsReportRecord(['v=TLSRPTv1;rua=mailto:reports@example.com']), [
    { kind: 'mailto', address: 'reports@example.com' },
  ])
  assert.deepEqual(parseTlsReportRecord(['v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt']), [
    { kind: 'https', url: 'https://reporting.example.com/v1/tlsrpt' },
  ])
  assert.deepEqual(
    parseTlsReportRecord(['v=spf1 -all', 'v=TLSRPTv1; rua=mailto:a%2Bb@example.com , https://r.example/x;']),
    [
      { kind: 'mailto', address: 'a+b@example.com' },
      { kind: 'https', url: 'https://r.example/x' },
    ],
  )
})

test('what is not such a record asks for no report', () => {
  for (const records of [
    [],
    ['v=TLSRPTv1'],
    ['v=TLSRPTv1; rua='],
    ['v=TLSRPTv2; rua=mailto:a@b.example'],
    ['v=TLSRPTv1; rua=mailto:a@b.example', 'v=TLSRPTv1; rua=mailto:c@d.example'],
    ['v=TLSRPTv1; rua=http://plain.example/'],
    ['v=TLSRPTv1; rua=ftp://x.example/'],
    ['v=TLSRPTv1; rua=https://user:secret@x.example/'],
    ['v=TLSRPTv1; rua=mailto:'],
    ['v=TLSRPTv1; rua=mailto:a@b.example%0d%0aRCPT'],
    ['v=TLSRPTv1; rua=mailto:%'],
    ['v=TLSRPTv1; rua=mailto:<a@b.example>'],
  ]) {
    assert.deepEqual(parseTlsReportRecord(records), [], JSON.stringify(records))
  }
})

test('a report has the members of RFC 8460 appendix B', () => {
  const report: unknown = JSON.parse(
    writeTlsReport({
      organization: 'Company-X',
      contact: 'sts-reporting@company-x.example',
      reportId: '5065427c-23d3-47ca-b6e0-946ea0e8c4be',
      start: new Date('2016-04-01T00:00:00Z'),
      end: new Date('2016-04-01T23:59:59Z'),
      policies: [
        {
          policy: {
            type: 'sts',
            domain: 'company-y.example',
            lines: ['version: STSv1', 'mode: testing', 'mx: *.mail.company-y.example', 'max_age: 86400'],
            mx: ['*.mail.company-y.example'],
          },
          successes: 5326,
          failures: [
            {
              type: 'certificate-expired',
              sendingIp: '2001:db8:abcd:0012::1',
              mxHost: 'mx1.mail.company-y.example',
              sessions: 100,
            },
            {
              type: 'starttls-not-supported',
              sendingIp: '2001:db8:abcd:0013::1',
              mxHost: 'mx2.mail.company-y.example',
              receivingIp: '203.0.113.56',
              sessions: 200,
            },
          ],
        },
        {
          policy: { type: 'no-policy-found', domain: 'company-y.example', lines: [], mx: [] },
          successes: 1,
          failures: [],
        },
      ],
    }),
  )
  assert.deepEqual(report, {
    'organization-name': 'Company-X',
    'date-range': { 'start-datetime': '2016-04-01T00:00:00Z', 'end-datetime': '2016-04-01T23:59:59Z' },
    'contact-info': 'sts-reporting@company-x.example',
    'report-id': '5065427c-23d3-47ca-b6e0-946ea0e8c4be',
    policies: [
      {
        policy: {
          'policy-type': 'sts',
          'policy-string': [
            'version: STSv1',
            'mode: testing',
            'mx: *.mail.company-y.example',
            'max_age: 86400',
          ],
          'policy-domain': 'company-y.example',
          'mx-host': ['*.mail.company-y.example'],
        },
        summary: { 'total-successful-session-count': 5326, 'total-failure-session-count': 300 },
        'failure-details': [
          {
            'result-type': 'certificate-expired',
            'sending-mta-ip': '2001:db8:abcd:0012::1',
            'receiving-mx-hostname': 'mx1.mail.company-y.example',
            'failed-session-count': 100,
          },
          {
            'result-type': 'starttls-not-supported',
            'sending-mta-ip': '2001:db8:abcd:0013::1',
            'receiving-mx-hostname': 'mx2.mail.company-y.example',
            'receiving-ip': '203.0.113.56',
            'failed-session-count': 200,
          },
        ],
      },
      {
        policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'company-y.example' },
        summary: { 'total-successful-session-count': 1, 'total-failure-session-count': 0 },
      },
    ],
  })
})

test('the file name is that of RFC 8460 5.1', () => {
  assert.equal(
    tlsReportFileName(
      'mail.sndr.example.com',
      'example.net',
      { start: new Date(1_470_013_207_000), end: new Date(1_470_186_007_000) },
      '001',
    ),
    'mail.sndr.example.com!example.net!1470013207!1470186007!001.json.gz',
  )
})
