-- A destination is a provider in one mode: what waits for it is counted, credited and stopped together.
create table destinations (
  id integer generated always as identity primary key,
  mode sending_mode not null,
  provider text not null,
  shard smallint not null,
  first_seen_at timestamptz not null,
  -- Credits are allowed_total - claimed_total, within an epoch of the shard: delivery writes the first, dispatch the second.
  epoch bigint not null default 0,
  allowed_total bigint not null default 0,
  claimed_total bigint not null default 0,
  -- No lane of it may send for a while: nothing is claimed, whatever the credits say.
  stopped boolean not null default false,
  unique (mode, provider)
) with (fillfactor = 50);
create index on destinations (shard);
grant select, insert, update, delete on destinations to pigeon_engine;

insert into destinations (mode, provider, shard, first_seen_at)
select distinct r.mode, r.provider, p.shard, p.first_seen_at from routes r join providers p on p.name = r.provider;
drop table providers;

alter table routes add column destination integer;
update routes r set destination = d.id, shard = d.shard from destinations d where d.mode = r.mode and d.provider = r.provider;
alter table routes alter column destination set not null;

alter table deliveries add column destination integer;
-- Where the last attempt left from, when the next one should leave from there, too.
alter table deliveries add column last_source text;
update deliveries d set destination = r.destination, shard = r.shard
  from routes r where r.mode = d.mode and r.domain = d.domain and d.shard is not null;
drop index deliveries_due;
create index deliveries_due on deliveries (queue_id, destination, due_at) where claimed_epoch is null;

alter table shards drop column allowed_total, drop column claimed_total;

-- What lanes have learned, written by the process that owns them: they go on with it after a restart, and people see it.
create table lanes (
  mode sending_mode not null,
  provider text not null,
  source_id uuid not null,
  source text not null,
  state text not null,
  reason text,
  until timestamptz,
  -- Of the state machine and the warm-up, as delivery keeps them.
  memory jsonb not null,
  warming boolean not null,
  -- Messages left of today's budget; null: no budget.
  budget_left integer,
  per_minute real not null,
  refused_share real not null,
  active integer not null,
  connections integer not null,
  max_connections integer,
  since timestamptz not null,
  updated_at timestamptz not null,
  primary key (mode, provider, source_id)
) with (fillfactor = 50);

-- A person's word about lanes: delivery obeys at once. A null source is every source.
create table lane_orders (
  id uuid primary key default new_id(),
  mode sending_mode not null,
  provider text not null,
  source_id uuid,
  -- Why it is paused; null: it is not.
  paused text,
  messages_per_minute integer,
  until timestamptz,
  -- A suspension from before this is to be ended by asking with one message.
  probe_at timestamptz,
  created_at timestamptz not null,
  unique nulls not distinct (mode, provider, source_id)
);
grant select, insert, update, delete on lanes, lane_orders to pigeon_engine;
grant select on lanes, destinations to pigeon_api;
grant select, insert, update, delete on lane_orders to pigeon_api;
