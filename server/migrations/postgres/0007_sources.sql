-- Where mail leaves from. Sources and pools belong to the installation: no tenant has one of its own.
create type source_kind as enum ('ip', 'relay');
create type source_status as enum ('active', 'draining', 'disabled');
create type message_class as enum ('bulk', 'transactional');

create table sources (
  id uuid primary key default new_id(),
  name text not null unique,
  kind source_kind not null,
  -- Null: the machine chooses.
  local_address inet unique,
  ehlo_name text,
  relay_kind text,
  relay_config jsonb,
  -- An envelope of the installation's keys, bound to the row's id.
  relay_secret bytea,
  status source_status not null default 'active',
  warm_up boolean not null default false,
  warm_up_started_at timestamptz,
  -- Messages a day to one provider; null: the shipped curve.
  warm_up_curve integer[],
  -- What the last check of the reverse look-up found, and what to do about it (null: nothing).
  ptr_name text,
  ptr_checked_at timestamptz,
  ptr_problem text,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (name ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'),
  check ((kind = 'relay') = (relay_kind is not null)),
  check (kind = 'relay' or (relay_config is null and relay_secret is null)),
  check (kind = 'ip' or local_address is null),
  check (masklen(local_address) = case family(local_address) when 4 then 32 else 128 end),
  check (not warm_up or warm_up_started_at is not null)
);

create table pools (
  id uuid primary key default new_id(),
  name text not null unique,
  -- Where mail goes that the sources of this pool may not take now.
  overflow_pool_id uuid references pools,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (name ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'),
  check (overflow_pool_id <> id)
);

create table pool_sources (
  pool_id uuid not null references pools on delete cascade,
  source_id uuid not null references sources,
  weight smallint not null check (weight between 1 and 1000),
  primary key (pool_id, source_id)
);
create index on pool_sources (source_id);

-- The pool of a message class, where neither the campaign nor the tenant names one.
create table pool_classes (
  message_class message_class primary key,
  pool_id uuid not null references pools
);

alter table tenants add column pool_id uuid references pools;
alter table campaigns
  add column pool_id uuid references pools on delete set null,
  add column message_class message_class not null default 'bulk';
create index on tenants (pool_id) where pool_id is not null;
create index on campaigns (pool_id) where pool_id is not null;

-- The machine as it is: one source without an address, in the pool that takes what no other one was named for.
insert into sources (id, name, kind, created_at, updated_at)
values ('00000000-0000-7000-8000-000000000001', 'default', 'ip', now(), now());
insert into pools (id, name, created_at, updated_at)
values ('00000000-0000-7000-8000-000000000002', 'default', now(), now());
insert into pool_sources (pool_id, source_id, weight)
values ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 1);

grant select on sources, pools, pool_sources, pool_classes to pigeon_engine;
grant select, insert, update, delete on sources, pools, pool_sources, pool_classes to pigeon_api;

-- Whatever changes what delivery has loaded is told to it, on commit, whoever changed it.
create function note_sources() returns trigger language plpgsql as
$$
begin
  perform pg_notify('sources', '');
  return null;
end
$$;
create trigger note_sources after insert or update or delete on sources for each statement execute function note_sources();
create trigger note_sources after insert or update or delete on pools for each statement execute function note_sources();
create trigger note_sources after insert or update or delete on pool_sources for each statement execute function note_sources();
create trigger note_sources after insert or update or delete on pool_classes for each statement execute function note_sources();
create trigger note_sources after update of pool_id on tenants
  for each row when (old.pool_id is distinct from new.pool_id) execute function note_sources();
create trigger note_sources_added after insert on campaigns
  for each row when (new.pool_id is not null) execute function note_sources();
create trigger note_sources_changed after update of pool_id on campaigns
  for each row when (old.pool_id is distinct from new.pool_id) execute function note_sources();

-- How many tenants, and campaigns that are not over, would lose their pool: counts of all tenants, nothing else of them.
create function count_pool_users(wanted_pool_id uuid) returns table (tenants bigint, campaigns bigint)
  language sql stable security definer set search_path = public, pg_temp as
$$ select (select count(*) from tenants where pool_id = wanted_pool_id),
          (select count(*) from campaigns where pool_id = wanted_pool_id and completed_at is null) $$;
grant create on schema public to pigeon_engine;
alter function count_pool_users(uuid) owner to pigeon_engine;
revoke all on function count_pool_users(uuid) from public;
grant execute on function count_pool_users(uuid) to pigeon_api, pigeon_engine;
revoke create on schema public from pigeon_engine;
