import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOver, progressText, type CampaignMetrics } from './watch-campaign.ts'

const metrics: CampaignMetrics = {
  campaign_id: 'c1',
  status: 'sending',
  accepted: 1000,
  states: {
    queued: 100,
    sending: 50,
    deferred: 38,
    delivered: 790,
    sent: 0,
    bounced: 22,
    failed: 0,
    suppressed: 0,
    cancelled: 0,
  },
  in_flight: 188,
  balanced: true,
  sent_count: 812,
  delivered_count: 790,
  opened_count: 0,
  clicked_count: 0,
  bounced_count: 22,
  complained_count: 0,
  unsubscribed_count: 0,
  opens: { messages: 0, events: 0, machine_messages: 0, machine_events: 0 },
  clicks: { messages: 0, events: 0, machine_messages: 0, machine_events: 0 },
  deferred_then_delivered: 0,
  providers: [],
  bounce_classes: [],
  started_at: null,
  completed_at: null,
  first_delivery_at: null,
  last_delivery_at: null,
  seconds: 2,
  messages_per_second: 406,
}

test('the line shows what is final, the states that occur, and the rate', () => {
  assert.equal(
    progressText(metrics, 512.4, false),
    'sending 812/1,000 · delivered 790 · bounced 22 · deferred 38 · 512/s',
  )
  assert.match(progressText(metrics, undefined, true), /^sending █+░+ 812\/1,000 .* 406\/s$/)
})

test('a campaign is over when it is sent, or cancelled and nothing is in flight', () => {
  assert.equal(isOver(metrics), false)
  assert.equal(isOver({ ...metrics, status: 'paused' }), false)
  assert.equal(isOver({ ...metrics, status: 'cancelled' }), false)
  assert.equal(isOver({ ...metrics, status: 'cancelled', in_flight: 0 }), true)
  assert.equal(isOver({ ...metrics, status: 'sent', in_flight: 0 }), true)
})
