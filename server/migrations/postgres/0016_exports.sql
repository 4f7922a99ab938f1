-- Files of events that somebody has asked for: made by a worker of the api role, kept for some days.
create type export_state as enum ('queued', 'running', 'completed', 'failed');

create table exports (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  format text not null check (format in ('csv', 'jsonl', 'parquet')),
  -- What is in it: from, to, campaign_id, event_types. Equal questions are equal here.
  filter jsonb not null,
  state export_state not null default 'queued',
  -- When the work began; null before.
  rows_total bigint,
  rows_done bigint not null default 0,
  size_bytes bigint,
  failures integer not null default 0,
  worker text,
  lease_until timestamptz,
  error text,
  created_at timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz,
  -- When file and row are removed.
  expires_at timestamptz
);
create index on exports (tenant_id, id);
create index on exports (created_at) where state in ('queued', 'running');
create index on exports (expires_at) where expires_at is not null;

alter table exports enable row level security;
alter table exports force row level security;
create policy one_tenant on exports to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()));
create policy all_tenants on exports to pigeon_engine using (true) with check (true);
grant select, insert, update, delete on exports to pigeon_api, pigeon_engine;

-- Exports that wait or whose worker is gone, oldest first: the worker learns the tenant from here.
create function claim_export(worker_name text, at_time timestamptz, lease interval)
  returns table (id uuid, tenant_id uuid)
  language sql volatile security definer set search_path = public, pg_temp as
$$ update exports e set worker = worker_name, lease_until = at_time + lease, state = 'running', started_at = coalesce(e.started_at, at_time)
    where e.id = (select w.id from exports w
                   where w.state in ('queued', 'running') and (w.lease_until is null or w.lease_until < at_time or w.worker = worker_name)
                   order by w.created_at limit 1 for update skip locked)
   returning e.id, e.tenant_id $$;

-- Exports whose time is over, of all tenants.
create function list_expired_exports(at_time timestamptz)
  returns table (id uuid, tenant_id uuid)
  language sql stable security definer set search_path = public, pg_temp as
$$ select e.id, e.tenant_id from exports e where e.expires_at < at_time order by e.expires_at limit 100 $$;

do $$
declare
  signature text;
begin
  grant create on schema public to pigeon_engine;
  foreach signature in array array['claim_export(text, timestamptz, interval)', 'list_expired_exports(timestamptz)'] loop
    execute format('alter function %s owner to pigeon_engine', signature);
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to pigeon_api, pigeon_engine', signature);
  end loop;
  revoke create on schema public from pigeon_engine;
end $$;
