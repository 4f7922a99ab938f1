import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reportText, type CampaignReport } from './report-text.ts'

const report: CampaignReport = {
  campaign_id: 'c1',
  status: 'sent',
  accepted: 1000,
  states: {
    queued: 0,
    sending: 0,
    deferred: 0,
    delivered: 985,
    sent: 0,
    bounced: 15,
    failed: 0,
    suppressed: 0,
    cancelled: 0,
  },
  in_flight: 0,
  balanced: true,
  sent_count: 1000,
  delivered_count: 985,
  opened_count: 0,
  clicked_count: 0,
  bounced_count: 15,
  complained_count: 0,
  unsubscribed_count: 0,
  opens: { messages: 0, events: 0, machine_messages: 0, machine_events: 0 },
  clicks: { messages: 0, events: 0, machine_messages: 0, machine_events: 0 },
  deferred_then_delivered: 12,
  providers: [
    { provider: 'yahoo', delivered: 100, sent: 0, bounced: 5, failed: 0, suppressed: 0, cancelled: 0 },
    { provider: 'google', delivered: 885, sent: 0, bounced: 10, failed: 0, suppressed: 0, cancelled: 0 },
  ],
  bounce_classes: [],
  started_at: '2026-11-22T09:30:00.000Z',
  completed_at: '2026-11-22T09:30:02.000Z',
  first_delivery_at: null,
  last_delivery_at: null,
  seconds: 2,
  messages_per_second: 500,
  timeline: [],
  bucket_seconds: 1,
  reasons: [
    { state: 'bounced', class: 'unknown_user', provider: 'yahoo', count: 5, replies: [] },
    {
      state: 'bounced',
      class: 'unknown_user',
      provider: 'google',
      count: 8,
      replies: ['550 5.1.1 No such user'],
    },
    { state: 'bounced', class: 'mailbox_full', provider: 'google', count: 2, replies: ['552 5.2.2 Full'] },
  ],
}

test('the report adds up reasons over providers and shows what a server really said', () => {
  const lines = reportText(report).map((line) => line.trim().replaceAll(/ {2,}/g, '  '))
  assert.ok(lines.includes('13  bounced unknown_user  550 5.1.1 No such user'))
  assert.ok(lines.includes('2  bounced mailbox_full  552 5.2.2 Full'))
  assert.ok(lines.includes('google  885  10'))
  assert.ok(lines.includes('Ledger  balanced: accepted = final + in flight'))
  assert.ok(lines.includes('of them after a deferral  12'))
})

test('a ledger that does not balance is not to be overlooked', () => {
  assert.ok(reportText({ ...report, balanced: false }).some((line) => line.includes('NOT BALANCED')))
})
