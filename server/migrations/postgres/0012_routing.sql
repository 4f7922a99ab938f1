-- Which pool a message leaves from, asked before campaign, tenant and class: the first rule that fits names it. A condition
-- that is not null must hold, by one of its values.
create table routing_rules (
  id uuid primary key default new_id(),
  position integer not null unique deferrable initially deferred check (position > 0),
  tenant_ids uuid[],
  campaign_ids uuid[],
  message_classes message_class[],
  providers text[],
  -- `*.example.com` is every domain below it.
  from_domains text[],
  pool_id uuid not null references pools,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index on routing_rules (pool_id);
grant select on routing_rules to pigeon_engine;
grant select, insert, update, delete on routing_rules to pigeon_api;
create trigger note_sources after insert or update or delete on routing_rules
  for each statement execute function note_sources();

-- Money is in millionths of the installation's currency. Null: it costs nothing, and there is no cap.
alter table sources
  add column cost_per_thousand bigint check (cost_per_thousand > 0),
  add column daily_cost_cap bigint check (daily_cost_cap >= 0),
  add column monthly_cost_cap bigint check (monthly_cost_cap >= 0),
  add check (cost_per_thousand is not null or (daily_cost_cap is null and monthly_cost_cap is null));

-- What messages of a UTC day have cost, in thousandths of a millionth, so that one message costs a whole number of them.
create table source_spend (
  source_id uuid not null references sources on delete cascade,
  day date not null,
  messages bigint not null,
  spent_nano bigint not null,
  primary key (source_id, day)
) with (fillfactor = 50);
grant select, insert, update on source_spend to pigeon_engine;
grant select on source_spend to pigeon_api;
