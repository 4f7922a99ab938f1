-- What an operator does: who did what, orders about what waits, alerts, and the switch of all sending.

-- Who did what. Nobody is granted to change or delete an entry.
create table audit_entries (
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  at timestamptz not null,
  user_id uuid not null,
  -- Set when it was done with an API key.
  api_key_id uuid,
  address text not null,
  -- Like lanes.pause.
  action text not null,
  -- What it was done to, in words.
  subject text not null,
  before jsonb,
  after jsonb
);
create index on audit_entries (tenant_id, id);

create type queue_action as enum ('flush', 'purge');

-- A person's word about what waits. dispatch carries it out in chunks, each with its count in one transaction.
create table queue_orders (
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  action queue_action not null,
  mode sending_mode,
  provider text,
  -- Of the provider in that mode; null: every one, of the campaign.
  destination integer,
  -- Null: every campaign.
  campaign_id uuid,
  done bigint not null default 0,
  created_at timestamptz not null,
  completed_at timestamptz
);
create index on queue_orders (created_at) where completed_at is null;

do $$
declare
  name text;
begin
  foreach name in array array['audit_entries', 'queue_orders'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy one_tenant on %I to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))', name);
    execute format('create policy all_tenants on %I to pigeon_engine using (true) with check (true)', name);
    execute format('grant select, insert on %I to pigeon_api, pigeon_engine', name);
  end loop;
end $$;
grant update, delete on queue_orders to pigeon_engine;

-- What somebody should look at. One that goes on is one row.
create table alerts (
  id uuid primary key default new_id(),
  kind text not null,
  mode sending_mode not null,
  provider text not null,
  source_id uuid not null,
  source text not null,
  text text not null,
  -- How often it has happened since it was raised.
  times integer not null default 1,
  raised_at timestamptz not null,
  updated_at timestamptz not null,
  resolved_at timestamptz
);
create unique index alerts_open on alerts (kind, mode, provider, source_id) where resolved_at is null;
create index on alerts (resolved_at) where resolved_at is not null;
grant select, insert, update, delete on alerts to pigeon_engine;
grant select on alerts to pigeon_api;

-- A suspension is an alert until mail flows again: a lane that only asks (probing), or that a person has paused, is not over it.
create function note_suspension() returns trigger language plpgsql as
$$
begin
  if new.state = 'suspended' then
    insert into alerts (kind, mode, provider, source_id, source, text, raised_at, updated_at)
    values ('lane_suspended', new.mode, new.provider, new.source_id, new.source, coalesce(new.reason, ''), new.updated_at, new.updated_at)
    on conflict (kind, mode, provider, source_id) where resolved_at is null
    do update set text = excluded.text, updated_at = excluded.updated_at,
                  times = alerts.times + case coalesce(old.state, '') when 'paused' then 0 else 1 end;
  elsif new.state in ('open', 'slowed') then
    update alerts set resolved_at = new.updated_at, updated_at = new.updated_at
     where kind = 'lane_suspended' and mode = new.mode and provider = new.provider and source_id = new.source_id and resolved_at is null;
  end if;
  return null;
end
$$;
create trigger note_suspension_at_first after insert on lanes
  for each row when (new.state = 'suspended') execute function note_suspension();
create trigger note_suspension after update of state on lanes
  for each row when (old.state is distinct from new.state) execute function note_suspension();

-- Orders are told to delivery on commit, whoever gives them.
create function note_lane_orders() returns trigger language plpgsql as
$$
begin
  perform pg_notify('lanes', '');
  return null;
end
$$;
create trigger note_lane_orders after insert or update or delete on lane_orders
  for each statement execute function note_lane_orders();

-- One row. While it is stopped nothing is claimed: claims hold a share lock on it, so that none commits after a stop has.
create table sending_switch (
  id boolean primary key default true check (id),
  stopped_at timestamptz,
  reason text
);
insert into sending_switch default values;
-- A share lock needs the right to update.
grant select, update on sending_switch to pigeon_engine;
grant select, update on sending_switch to pigeon_api;

-- What waits for destinations, of all tenants: counts and times, nothing else of them. At most `most` + 1 rows of each are read.
create function count_waiting(wanted integer[], at_time timestamptz, most integer)
  returns table (destination integer, waiting bigint, later bigint, under_minute bigint, under_hour bigint, oldest_due_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as
$$ with active as materialized (
     select id from campaigns
      where status in ('sending', 'paused', 'cancelled') and completed_at is null and started_at is not null
      order by started_at limit 1000)
   select w.id, count(d.due_at), count(*) filter (where d.due_at > at_time),
          count(*) filter (where d.due_at <= at_time and d.due_at > at_time - interval '1 minute'),
          count(*) filter (where d.due_at <= at_time - interval '1 minute' and d.due_at > at_time - interval '1 hour'),
          min(d.due_at)
     from unnest(wanted) as w(id)
     left join lateral (
       select each.due_at from active a
        cross join lateral (
          select due_at from deliveries
           where queue_id = a.id and destination = w.id and claimed_epoch is null order by due_at limit most + 1) each
        limit most + 1) d on true
    group by w.id $$;

-- Destinations for which something waits, after that id: the next one is a step of the index in each campaign.
create function list_waiting(after integer, most integer) returns table (destination integer)
  language sql stable security definer set search_path = public, pg_temp as
$$ with recursive active as materialized (
     select id from campaigns
      where status in ('sending', 'paused', 'cancelled') and completed_at is null and started_at is not null
      order by started_at limit 1000),
   each as (
     select (select min(n.destination) from active a
              cross join lateral (select d.destination from deliveries d
                                   where d.queue_id = a.id and d.destination > after and d.claimed_epoch is null
                                   order by d.destination limit 1) n) as id
     union all
     select (select min(n.destination) from active a
              cross join lateral (select d.destination from deliveries d
                                   where d.queue_id = a.id and d.destination > each.id and d.claimed_epoch is null
                                   order by d.destination limit 1) n)
       from each where each.id is not null)
   select id from each where id is not null limit most $$;

-- Who owns which shard, and how many messages are in hand there. At most `most` + 1 rows of each shard are read.
create function list_shards(most integer)
  returns table (id smallint, owner text, lease_until timestamptz, in_hand bigint)
  language sql stable security definer set search_path = public, pg_temp as
$$ select s.id, s.owner, s.lease_until,
          (select count(*) from (select from deliveries where shard = s.id and claimed_epoch is not null limit most + 1) d)
     from shards s $$;

-- Processes of the engine, as their sessions name themselves.
create function list_engine_sessions()
  returns table (name text, sessions bigint, since timestamptz)
  language sql stable security definer set search_path = public, pg_temp as
$$ select application_name, count(*), min(backend_start) from pg_stat_activity
    where datname = current_database() and usename = 'pigeon_engine' and application_name like 'pigeon %' group by 1 $$;

do $$
declare
  signature text;
begin
  grant create on schema public to pigeon_engine;
  foreach signature in array array['count_waiting(integer[], timestamptz, integer)', 'list_waiting(integer, integer)', 'list_shards(integer)', 'list_engine_sessions()'] loop
    execute format('alter function %s owner to pigeon_engine', signature);
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to pigeon_api, pigeon_engine', signature);
  end loop;
  revoke create on schema public from pigeon_engine;
end $$;
