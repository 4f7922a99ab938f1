-- A fan-out is written by several transactions at a time, each in a part of the list with a cursor of its own.
create table campaign_parts (
  campaign_id uuid not null,
  tenant_id uuid not null,
  part smallint not null,
  -- Contacts up to this one have their message.
  cursor uuid not null,
  -- The last contact of the part; null: whoever comes.
  until uuid,
  completed_at timestamptz,
  primary key (campaign_id, part)
);
alter table campaign_parts enable row level security;
alter table campaign_parts force row level security;
create policy one_tenant on campaign_parts to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()));
create policy all_tenants on campaign_parts to pigeon_engine using (true) with check (true);
grant select, insert, update, delete on campaign_parts to pigeon_engine;
grant select on campaign_parts to pigeon_api;

-- Null until the fan-out has begun.
alter table campaigns add column fanout_parts_left smallint;

-- A fan-out that an earlier version began goes on as one part.
insert into campaign_parts (campaign_id, tenant_id, part, cursor)
select id, tenant_id, 0, fanout_cursor from campaigns where fanout_cursor is not null and fanout_completed_at is null;
update campaigns set fanout_parts_left = 1 where fanout_cursor is not null and fanout_completed_at is null;
alter table campaigns drop column fanout_cursor;
