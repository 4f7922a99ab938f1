-- History. Every statement may run twice (if not exists): there are no transactions over statements here.
-- non_replicated_deduplication_window: a batch that is inserted again under its token counts once, in the rollups too.
-- fsync_after_insert: an acknowledged batch survives a power cut; costs about a tenth of the rate.
-- Columns without a codec are LZ4, which is the engine's default.

create table if not exists email_events
(
  -- Made from the event's place in the stream: the same event read again has the same id.
  id UUID default generateUUIDv7(),
  tenant_id UUID,
  -- The zero UUID when the message belongs to no campaign.
  campaign_id UUID,
  contact_id UUID,
  message_id UUID,
  event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5, 'failed' = 6, 'suppressed' = 7,
    'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12, 'requeued' = 13),
  event_data JSON(max_dynamic_paths = 16),
  -- IPv4 addresses as ::ffff:192.0.2.1; :: when unknown.
  ip_address IPv6,
  user_agent String,
  timestamp DateTime64(3, 'UTC') codec(Delta, LZ4),
  created_at DateTime64(3, 'UTC') default now64(3) codec(Delta, LZ4),
  provider LowCardinality(String),
  source LowCardinality(String),
  domain LowCardinality(String),
  attempt UInt16,
  -- SMTP reply code; 0 when there was no reply.
  code UInt16,
  enhanced LowCardinality(String),
  class LowCardinality(String),
  reply String,
  in_doubt Bool,
  -- smtp, imap or relay for what came back after the message was handed over; empty otherwise.
  via LowCardinality(String),
  -- Of delivered and sent: since the message was accepted. 0 otherwise.
  waited_ms UInt64,
  -- An opening or a click that looks like a machine's.
  is_machine Bool,
  -- ISO 3166-1 alpha-2, and what the user agent says; empty when unknown.
  country LowCardinality(String),
  client LowCardinality(String),
  os LowCardinality(String),
  device LowCardinality(String),
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

-- Rollups: added up while parts merge, so read them with sum(), sumMap() and uniqCombined64Merge(14)(). A slot is a quarter
-- of an hour: the difference of every time zone from UTC is a multiple of it, so that days are exact in all of them.
create table if not exists campaign_metrics
(
  tenant_id UUID,
  campaign_id UUID,
  slot DateTime('UTC'),
  sent_count SimpleAggregateFunction(sum, UInt64),
  delivered_count SimpleAggregateFunction(sum, UInt64),
  deferred_count SimpleAggregateFunction(sum, UInt64),
  bounced_count SimpleAggregateFunction(sum, UInt64),
  late_bounced_count SimpleAggregateFunction(sum, UInt64),
  failed_count SimpleAggregateFunction(sum, UInt64),
  suppressed_count SimpleAggregateFunction(sum, UInt64),
  cancelled_count SimpleAggregateFunction(sum, UInt64),
  opened_count SimpleAggregateFunction(sum, UInt64),
  machine_opened_count SimpleAggregateFunction(sum, UInt64),
  clicked_count SimpleAggregateFunction(sum, UInt64),
  machine_clicked_count SimpleAggregateFunction(sum, UInt64),
  complained_count SimpleAggregateFunction(sum, UInt64),
  unsubscribed_count SimpleAggregateFunction(sum, UInt64),
  -- Messages that people have opened or clicked in; counted within about 1%.
  opened_messages AggregateFunction(uniqCombined64(14), UUID),
  clicked_messages AggregateFunction(uniqCombined64(14), UUID),
  first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
engine = AggregatingMergeTree
partition by toYYYYMM(slot)
order by (tenant_id, slot, campaign_id)
ttl slot + interval 25 month
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

create materialized view if not exists campaign_metrics_from_events to campaign_metrics as
select tenant_id, campaign_id, toStartOfFifteenMinutes(toDateTime(timestamp, 'UTC')) as slot,
       countIf(event_type = 'sent') as sent_count, countIf(event_type = 'delivered') as delivered_count,
       countIf(event_type = 'deferred') as deferred_count, countIf(event_type = 'bounced') as bounced_count,
       countIf(event_type = 'bounced' and via != '') as late_bounced_count, countIf(event_type = 'failed') as failed_count,
       countIf(event_type = 'suppressed') as suppressed_count, countIf(event_type = 'cancelled') as cancelled_count,
       countIf(event_type = 'opened' and not is_machine) as opened_count,
       countIf(event_type = 'opened' and is_machine) as machine_opened_count,
       countIf(event_type = 'clicked' and not is_machine) as clicked_count,
       countIf(event_type = 'clicked' and is_machine) as machine_clicked_count,
       countIf(event_type = 'complained') as complained_count, countIf(event_type = 'unsubscribed') as unsubscribed_count,
       uniqCombined64StateIf(14)(message_id, event_type = 'opened' and not is_machine) as opened_messages,
       uniqCombined64StateIf(14)(message_id, event_type = 'clicked' and not is_machine) as clicked_messages,
       min(timestamp) as first_at, max(timestamp) as last_at
  from email_events
 group by tenant_id, campaign_id, slot;

-- Each event counts three times here: for its provider, its source and its domain.
create table if not exists deliverability_metrics
(
  tenant_id UUID,
  dimension Enum8('provider' = 1, 'source' = 2, 'domain' = 3),
  name LowCardinality(String),
  slot DateTime('UTC'),
  sent_count SimpleAggregateFunction(sum, UInt64),
  delivered_count SimpleAggregateFunction(sum, UInt64),
  deferred_count SimpleAggregateFunction(sum, UInt64),
  bounced_count SimpleAggregateFunction(sum, UInt64),
  late_bounced_count SimpleAggregateFunction(sum, UInt64),
  failed_count SimpleAggregateFunction(sum, UInt64),
  complained_count SimpleAggregateFunction(sum, UInt64),
  bounce_classes SimpleAggregateFunction(sumMap, Map(String, UInt64)),
  -- Deliveries by the time they took: n means up to 1.1^n ms. Quantiles read from it are within 5%.
  waits SimpleAggregateFunction(sumMap, Map(UInt8, UInt64))
)
engine = AggregatingMergeTree
partition by toYYYYMM(slot)
order by (tenant_id, dimension, slot, name)
ttl slot + interval 25 month
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

create materialized view if not exists deliverability_metrics_from_events to deliverability_metrics as
select tenant_id, cast(named.1 as Enum8('provider' = 1, 'source' = 2, 'domain' = 3)) as dimension, named.2 as name,
       toStartOfFifteenMinutes(toDateTime(timestamp, 'UTC')) as slot,
       countIf(event_type = 'sent') as sent_count, countIf(event_type = 'delivered') as delivered_count,
       countIf(event_type = 'deferred') as deferred_count, countIf(event_type = 'bounced') as bounced_count,
       countIf(event_type = 'bounced' and via != '') as late_bounced_count, countIf(event_type = 'failed') as failed_count,
       countIf(event_type = 'complained') as complained_count,
       sumMapIf(map(toString(class), toUInt64(1)), event_type = 'bounced') as bounce_classes,
       sumMapIf(map(toUInt8(least(255, ceil(log(greatest(1, waited_ms)) / log(1.1)))), toUInt64(1)), waited_ms > 0) as waits
  from email_events
 array join [('provider', provider), ('source', source), ('domain', domain)] as named
 where event_type in ('sent', 'delivered', 'deferred', 'bounced', 'failed', 'complained')
 group by tenant_id, dimension, name, slot;

-- Who reads: each opening and click counts four times here.
create table if not exists audience_metrics
(
  tenant_id UUID,
  dimension Enum8('country' = 1, 'client' = 2, 'os' = 3, 'device' = 4),
  name LowCardinality(String),
  slot DateTime('UTC'),
  opened_count SimpleAggregateFunction(sum, UInt64),
  machine_opened_count SimpleAggregateFunction(sum, UInt64),
  clicked_count SimpleAggregateFunction(sum, UInt64),
  machine_clicked_count SimpleAggregateFunction(sum, UInt64)
)
engine = AggregatingMergeTree
partition by toYYYYMM(slot)
order by (tenant_id, dimension, slot, name)
ttl slot + interval 25 month
settings non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

create materialized view if not exists audience_metrics_from_events to audience_metrics as
select tenant_id, cast(named.1 as Enum8('country' = 1, 'client' = 2, 'os' = 3, 'device' = 4)) as dimension, named.2 as name,
       toStartOfFifteenMinutes(toDateTime(timestamp, 'UTC')) as slot,
       countIf(event_type = 'opened' and not is_machine) as opened_count,
       countIf(event_type = 'opened' and is_machine) as machine_opened_count,
       countIf(event_type = 'clicked' and not is_machine) as clicked_count,
       countIf(event_type = 'clicked' and is_machine) as machine_clicked_count
  from email_events
 array join [('country', country), ('client', client), ('os', os), ('device', device)] as named
 where event_type in ('opened', 'clicked')
 group by tenant_id, dimension, name, slot;
