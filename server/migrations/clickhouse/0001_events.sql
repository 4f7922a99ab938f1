-- History. Every statement may run twice (if not exists): there are no transactions over statements here.
-- non_replicated_deduplication_window: a batch that is inserted again under its token counts once, in the rollups too.
-- fsync_after_insert: an acknowledged batch survives a power cut; costs about a tenth of the rate.

create table if not exists email_events
(
  event_id UUID default generateUUIDv7(),
  tenant_id UUID,
  -- The zero UUID when the message belongs to no campaign.
  campaign_id UUID,
  contact_id UUID,
  message_id UUID,
  event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5, 'failed' = 6, 'suppressed' = 7,
    'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12),
  provider LowCardinality(String),
  source LowCardinality(String),
  domain LowCardinality(String),
  attempt UInt16,
  -- SMTP reply code; 0 when there was no reply.
  code UInt16,
  enhanced LowCardinality(String),
  class LowCardinality(String),
  reply String codec(ZSTD(1)),
  in_doubt Bool,
  -- IPv4 addresses as ::ffff:192.0.2.1; :: when unknown.
  ip IPv6,
  user_agent String codec(ZSTD(1)),
  event_data String codec(ZSTD(1)),
  timestamp DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
  created_at DateTime64(3, 'UTC') default now64(3) codec(Delta, ZSTD(1)),
  index by_message message_id type bloom_filter(0.001) granularity 1
)
engine = MergeTree
partition by toYYYYMM(timestamp)
order by (tenant_id, campaign_id, event_type, timestamp)
ttl toDateTime(timestamp) + interval 90 day
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row an attempt: a day is a partition, so that what is too old is dropped without rewriting anything.
create table if not exists attempts
(
  tenant_id UUID,
  campaign_id UUID,
  message_id UUID,
  attempt UInt16,
  started_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
  ended_at DateTime64(3, 'UTC') codec(Delta, ZSTD(1)),
  provider LowCardinality(String),
  source LowCardinality(String),
  mx_host LowCardinality(String),
  mx_ip IPv6,
  tls Bool,
  outcome LowCardinality(String),
  code UInt16,
  enhanced LowCardinality(String),
  class LowCardinality(String),
  reply String codec(ZSTD(1)),
  in_doubt Bool,
  transcript String codec(ZSTD(3))
)
engine = MergeTree
partition by toDate(started_at)
order by (tenant_id, message_id, attempt)
ttl toDateTime(started_at) + interval 30 day
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, ttl_only_drop_parts = 1;

-- Rollups: summed while parts merge, so read them with sum(events), min(first_at), max(last_at).
create table if not exists campaign_metrics
(
  tenant_id UUID,
  campaign_id UUID,
  provider LowCardinality(String),
  event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5, 'failed' = 6, 'suppressed' = 7,
    'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12),
  minute DateTime('UTC'),
  events SimpleAggregateFunction(sum, UInt64),
  first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
engine = AggregatingMergeTree
partition by toYYYYMM(minute)
order by (tenant_id, campaign_id, provider, event_type, minute)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

create materialized view if not exists campaign_metrics_from_events to campaign_metrics as
select tenant_id, campaign_id, provider, event_type, toStartOfMinute(toDateTime(timestamp, 'UTC')) as minute,
       count() as events, min(timestamp) as first_at, max(timestamp) as last_at
  from email_events
 group by tenant_id, campaign_id, provider, event_type, minute;

create table if not exists deliverability_metrics
(
  tenant_id UUID,
  provider LowCardinality(String),
  source LowCardinality(String),
  event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5, 'failed' = 6, 'suppressed' = 7,
    'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12),
  class LowCardinality(String),
  minute DateTime('UTC'),
  events SimpleAggregateFunction(sum, UInt64),
  first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
engine = AggregatingMergeTree
partition by toYYYYMM(minute)
order by (tenant_id, provider, source, event_type, class, minute)
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

create materialized view if not exists deliverability_metrics_from_events to deliverability_metrics as
select tenant_id, provider, source, event_type, class, toStartOfMinute(toDateTime(timestamp, 'UTC')) as minute,
       count() as events, min(timestamp) as first_at, max(timestamp) as last_at
  from email_events
 group by tenant_id, provider, source, event_type, class, minute;
