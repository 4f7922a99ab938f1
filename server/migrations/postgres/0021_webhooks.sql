-- Webhooks: who is told of what, each notification with every attempt, and what relays are known by when they tell us.
create type webhook_delivery_state as enum ('pending', 'delivered', 'failed');

create table webhooks (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  url text not null,
  description text,
  -- Null: every event.
  events text[],
  -- Envelopes of the installation's keys, bound to the row's id. While both are valid, both sign.
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  disabled_at timestamptz,
  -- Why nothing is sent any more, in words; null: a person wanted it so.
  disabled_reason text,
  -- Since when every attempt has failed; null: the last one succeeded, or there was none.
  failing_since timestamptz,
  -- The process that delivers to it now.
  worker text,
  lease_until timestamptz,
  -- Its deliveries are deleted in chunks, and it after them.
  deleted_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 50);
create index on webhooks (tenant_id, id);

create table webhook_deliveries (
  -- The webhook-id of every attempt.
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  webhook_id uuid not null,
  event text not null,
  -- What it is about: a message, a campaign, an import ... Its events arrive in the order of seq.
  subject_id uuid not null,
  seq bigint generated always as identity,
  -- The body, as it is signed.
  payload text not null,
  state webhook_delivery_state not null default 'pending',
  -- Places in the schedule of retries that are used up; a replay begins again.
  tries smallint not null default 0,
  attempts integer not null default 0,
  due_at timestamptz not null,
  last_status smallint,
  last_error text,
  created_at timestamptz not null,
  completed_at timestamptz
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
create index webhook_deliveries_due on webhook_deliveries (webhook_id, due_at) where state = 'pending';
create index webhook_deliveries_order on webhook_deliveries (webhook_id, subject_id, seq) where state = 'pending';
create index on webhook_deliveries (webhook_id, id);
create index on webhook_deliveries using brin (created_at);

create table webhook_attempts (
  delivery_id uuid not null,
  number integer not null,
  tenant_id uuid not null,
  url text not null,
  at timestamptz not null,
  duration_ms integer not null,
  -- Null: there was no answer, and error says why.
  status smallint,
  response text,
  error text,
  primary key (delivery_id, number)
);

do $$
declare
  name text;
begin
  foreach name in array array['webhooks', 'webhook_deliveries', 'webhook_attempts'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy one_tenant on %I to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))', name);
    execute format('create policy all_tenants on %I to pigeon_engine using (true) with check (true)', name);
    execute format('grant select, insert, update, delete on %I to pigeon_engine', name);
  end loop;
end $$;
grant select, insert, update on webhooks to pigeon_api;
grant select, insert, update on webhook_deliveries to pigeon_api;
grant select on webhook_attempts to pigeon_api;

-- What the webhooks of a relay are checked with. Belongs to the installation, as its source does.
create table relay_webhooks (
  source_id uuid primary key references sources on delete cascade,
  -- An envelope of the installation's keys: a verification key, a signing key, or the name of a topic.
  verification bytea,
  last_received_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
grant select, insert, update, delete on relay_webhooks to pigeon_api;

-- A suspension is told to every tenant that asked for it: sources belong to all of them.
create function tell_alert() returns trigger language plpgsql as
$$
begin
  insert into outbox (tenant_id, topic, partition, payload, created_at)
  select w.tenant_id, 'webhooks', 0,
         jsonb_build_object('events', jsonb_build_array(jsonb_build_object(
           'tenantId', w.tenant_id, 'event', 'source.blocked', 'subjectId', new.id,
           'at', to_char(new.raised_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
           'data', jsonb_build_object('alert_id', new.id, 'source_id', new.source_id, 'source', new.source,
                                      'provider', new.provider, 'mode', new.mode, 'reason', new.text)))),
         new.raised_at
    from webhooks w
   where w.disabled_at is null and w.deleted_at is null and (w.events is null or 'source.blocked' = any(w.events))
   group by w.tenant_id;
  return null;
end
$$;
create trigger tell_alert after insert on alerts
  for each row when (new.kind = 'lane_suspended') execute function tell_alert();
