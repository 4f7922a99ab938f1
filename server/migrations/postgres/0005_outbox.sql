-- Events of requests: written in the transaction of what they tell, behind the tenant's wall, and carried to the stream
-- by dispatch, because the API's role has no access to what flows between roles.
create table outbox (
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  topic text not null,
  partition integer not null,
  payload jsonb not null,
  created_at timestamptz not null
);
alter table outbox enable row level security;
alter table outbox force row level security;
create policy one_tenant on outbox to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()));
create policy all_tenants on outbox to pigeon_engine using (true) with check (true);
grant select, insert, update, delete on outbox to pigeon_api, pigeon_engine;
