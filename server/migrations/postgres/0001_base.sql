-- Roles. pigeon_api answers requests and sees one tenant at a time; pigeon_engine moves mail for all of them.
-- Neither owns a table, neither may bypass row-level security: what they see is written in the policies below.
do $$
begin
  if not exists (select from pg_roles where rolname = 'pigeon_api') then create role pigeon_api nologin; end if;
  if not exists (select from pg_roles where rolname = 'pigeon_engine') then create role pigeon_engine nologin; end if;
end $$;
grant pigeon_engine to current_user;
grant usage on schema public to pigeon_api, pigeon_engine;

-- UUIDv7 by the server where it has one (18), by hand before (15 to 17).
do $$
begin
  if current_setting('server_version_num')::int >= 180000 then
    execute 'create function new_id() returns uuid language sql volatile parallel safe as ''select uuidv7()''';
  else
    execute $f$
      create function new_id() returns uuid language sql volatile parallel safe as $b$
        select encode(
          set_bit(set_bit(
            overlay(uuid_send(gen_random_uuid()) placing
              substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
            52, 1), 53, 1), 'hex')::uuid
      $b$
    $f$;
  end if;
end $$;

-- The tenant of this transaction. Unset is an error, never "all tenants".
create function current_tenant() returns uuid language sql stable parallel safe as
$$ select current_setting('app.tenant_id')::uuid $$;

create type tenant_status as enum ('active', 'suspended');
create type sending_mode as enum ('sandbox', 'live');
create type user_role as enum ('owner', 'admin', 'editor', 'viewer');
create type user_status as enum ('active', 'disabled');
create type domain_status as enum ('pending', 'verified');
create type list_status as enum ('active', 'archived');
create type subscription_status as enum ('subscribed', 'unsubscribed');
create type import_state as enum ('queued', 'running', 'completed', 'failed');
create type suppression_reason as enum ('unsubscribed', 'hard_bounce', 'complaint', 'manual');
create type campaign_status as enum ('draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled');
create type message_state as enum
  ('scheduled', 'queued', 'sending', 'deferred', 'delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled');

create table tenants (
  tenant_id uuid primary key default new_id(),
  name text not null,
  status tenant_status not null default 'active',
  mode sending_mode not null default 'sandbox',
  time_zone text not null default 'UTC',
  settings jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null
);

create table users (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  email text not null,
  email_key text not null unique,
  password_hash text not null,
  first_name text,
  last_name text,
  role user_role not null,
  status user_status not null default 'active',
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index on users (tenant_id);

create table sessions (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  user_id uuid not null references users on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index on sessions (user_id);

create table api_keys (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  user_id uuid not null references users on delete cascade,
  name text not null,
  prefix text not null,
  key_hash bytea not null unique,
  mode sending_mode not null,
  scopes text[] not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null
);
create index on api_keys (tenant_id, id);

-- The answer to a POST that creates, kept for a day in the transaction of what it created.
create table idempotency_keys (
  tenant_id uuid not null references tenants,
  scope text not null,
  key text not null,
  body_hash bytea not null,
  status smallint not null,
  response jsonb not null,
  created_at timestamptz not null,
  primary key (tenant_id, scope, key)
);
create index on idempotency_keys (created_at);

create table domains (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  name text not null,
  status domain_status not null default 'pending',
  verified_at timestamptz,
  last_checked_at timestamptz,
  last_check jsonb,
  created_at timestamptz not null,
  unique (tenant_id, name)
);

create table dkim_keys (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  domain_id uuid not null references domains on delete cascade,
  selector text not null,
  algorithm text not null check (algorithm in ('rsa-sha256', 'ed25519-sha256')),
  public_key text not null,
  private_key_encrypted bytea not null,
  created_at timestamptz not null,
  unique (domain_id, selector)
);

create table lists (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  name text not null,
  description text,
  status list_status not null default 'active',
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index on lists (tenant_id, id);

create table contacts (
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  email text not null,
  email_key text not null,
  first_name text,
  last_name text,
  attributes jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  unique (tenant_id, email_key)
);
create index on contacts (tenant_id, id);

create table subscriptions (
  list_id uuid not null,
  contact_id uuid not null,
  tenant_id uuid not null,
  status subscription_status not null,
  subscribed_at timestamptz not null,
  unsubscribed_at timestamptz,
  primary key (list_id, contact_id)
);
create index on subscriptions (contact_id);

create table imports (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  list_id uuid not null references lists on delete cascade,
  file_name text not null,
  object_key text not null,
  size_bytes bigint not null,
  state import_state not null default 'queued',
  on_existing text not null check (on_existing in ('upsert', 'skip')),
  mapping jsonb,
  dialect jsonb,
  -- Where the next chunk begins: moves in the transaction of the rows that it covers.
  byte_offset bigint not null default 0,
  line bigint not null default 0,
  rows_read bigint not null default 0,
  rows_created bigint not null default 0,
  rows_updated bigint not null default 0,
  rows_skipped bigint not null default 0,
  rows_duplicate bigint not null default 0,
  rows_rejected bigint not null default 0,
  rows_suppressed bigint not null default 0,
  worker text,
  lease_until timestamptz,
  error text,
  created_at timestamptz not null,
  started_at timestamptz,
  completed_at timestamptz
);
create index on imports (tenant_id, id);
create index on imports (created_at) where state in ('queued', 'running');

-- Rejected rows, written in the transaction of their chunk, so that a crash neither loses nor doubles one.
create table import_rejects (
  import_id uuid not null references imports on delete cascade,
  tenant_id uuid not null,
  line bigint not null,
  code text not null,
  reason text not null,
  raw text not null,
  primary key (import_id, line)
);

-- Who must not be written to: everywhere (list_id null) or on one list.
create table suppressions (
  id uuid primary key default new_id(),
  tenant_id uuid not null,
  address_key text not null,
  list_id uuid,
  reason suppression_reason not null,
  message_id uuid,
  note text,
  created_at timestamptz not null,
  expires_at timestamptz
);
create unique index suppressions_address on suppressions (tenant_id, address_key, list_id) nulls not distinct;

create table templates (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  name text not null,
  category text,
  version integer not null,
  is_active boolean not null default true,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index on templates (tenant_id, id);

create table template_versions (
  template_id uuid not null references templates on delete cascade,
  version integer not null,
  tenant_id uuid not null,
  subject text not null,
  html text,
  mjml text,
  text text,
  variables jsonb not null default '[]',
  -- What is rendered: MJML compiled, CSS inlined, text part made.
  compiled jsonb not null,
  created_at timestamptz not null,
  primary key (template_id, version)
);

create table campaigns (
  id uuid primary key default new_id(),
  tenant_id uuid not null references tenants,
  name text not null,
  status campaign_status not null default 'draft',
  list_id uuid references lists,
  template_id uuid references templates,
  -- Fixed when sending starts, so that an edit of the template changes no campaign under way.
  template_version integer,
  subject text,
  from_email text not null,
  from_name text,
  reply_to text,
  mode sending_mode,
  -- The wall-clock time as given and its zone; scheduled_at is the instant.
  scheduled_local text,
  time_zone text,
  scheduled_at timestamptz,
  -- A schedule that was missed by too much waits here for a person's word.
  missed_at timestamptz,
  -- Why sending did not start or go on, in words for the person who asked for it.
  problem text,
  started_at timestamptz,
  paused_at timestamptz,
  cancelled_at timestamptz,
  completed_at timestamptz,
  fanout_cursor uuid,
  fanout_completed_at timestamptz,
  accepted bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index on campaigns (tenant_id, id);
create index on campaigns (scheduled_at) where status = 'scheduled';
create index on campaigns (started_at) where status in ('sending', 'paused', 'cancelled') and completed_at is null;

-- Counts of final states; moves in the transaction that moves the messages. accepted - sum(count) is in flight.
create table campaign_tallies (
  campaign_id uuid not null,
  tenant_id uuid not null,
  provider text not null,
  state message_state not null,
  class text not null,
  -- Whether it took more than one attempt.
  retried boolean not null,
  count bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (campaign_id, provider, state, class, retried)
);

create table messages (
  id uuid primary key,
  tenant_id uuid not null,
  campaign_id uuid,
  contact_id uuid,
  recipient text not null,
  state message_state not null,
  mode sending_mode not null,
  in_doubt boolean not null default false,
  provider text not null default '',
  attempts smallint not null default 0,
  code smallint,
  enhanced text,
  class text,
  reply text,
  created_at timestamptz not null,
  updated_at timestamptz not null
) with (fillfactor = 85);
create unique index messages_campaign_contact on messages (campaign_id, contact_id);

-- The narrow table of what is still to be delivered: one row while a message is not final.
-- claimed_epoch is set while a shard's owner has it in hand.
create table deliveries (
  message_id uuid primary key,
  tenant_id uuid not null,
  queue_id uuid not null,
  contact_id uuid,
  mode sending_mode not null,
  domain text not null,
  shard smallint,
  attempt smallint not null default 0,
  due_at timestamptz not null,
  -- Set by the first claim: a message that waits in a paused campaign does not grow old.
  expires_at timestamptz,
  claimed_epoch bigint
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
create index deliveries_due on deliveries (queue_id, shard, due_at) where claimed_epoch is null;
create index deliveries_claimed on deliveries (shard, claimed_epoch) where claimed_epoch is not null;
create index deliveries_unrouted on deliveries (mode, domain) where shard is null;

-- Which provider receives mail for a domain, as the MX records say, and which shard sends to that provider.
create table providers (
  name text primary key,
  shard smallint not null,
  first_seen_at timestamptz not null
);
create table routes (
  mode sending_mode not null,
  domain text not null,
  provider text not null,
  shard smallint not null,
  resolved_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (mode, domain)
);

-- Who sends for a shard. A higher epoch fences everything that was claimed under a lower one.
create table shards (
  id smallint primary key,
  owner text,
  epoch bigint not null default 0,
  lease_until timestamptz,
  -- Credits are allowed_total - claimed_total. Both only grow within an epoch, so neither side can overwrite the other.
  allowed_total bigint not null default 0,
  claimed_total bigint not null default 0
);

-- The range of a batch is stored before it is inserted into the history, and is its deduplication token.
create table history_loads (
  topic text not null,
  partition integer not null,
  from_offset bigint not null,
  to_offset bigint not null,
  primary key (topic, partition)
);

-- Walls between tenants: every table with a tenant_id, without exception.
do $$
declare
  name text;
begin
  for name in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname = 'tenant_id'
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy one_tenant on %I to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))', name);
    execute format('create policy all_tenants on %I to pigeon_engine using (true) with check (true)', name);
    execute format('grant select, insert, update, delete on %I to pigeon_api, pigeon_engine', name);
  end loop;
end $$;
-- The API reads messages and their counts; only the engine moves them.
revoke insert, update, delete on messages, deliveries, campaign_tallies from pigeon_api;
grant select, insert, update, delete on providers, routes, shards, history_loads to pigeon_engine;

-- Look-ups before a tenant is known. They run as pigeon_engine and return no more than the caller needs.
create function find_login(wanted_email_key text)
  returns table (user_id uuid, tenant_id uuid, email text, password_hash text, role user_role, status user_status)
  language sql stable security definer set search_path = public, pg_temp as
$$ select u.id, u.tenant_id, u.email, u.password_hash, u.role, u.status from users u where u.email_key = wanted_email_key $$;

create function find_api_key(wanted_hash bytea)
  returns table (id uuid, tenant_id uuid, user_id uuid, mode sending_mode, scopes text[], expires_at timestamptz, revoked_at timestamptz, role user_role, user_status user_status, last_used_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as
$$ select k.id, k.tenant_id, k.user_id, k.mode, k.scopes, k.expires_at, k.revoked_at, u.role, u.status, k.last_used_at
     from api_keys k join users u on u.id = k.user_id where k.key_hash = wanted_hash $$;

create function find_session(wanted_id uuid)
  returns table (tenant_id uuid, user_id uuid, expires_at timestamptz, revoked_at timestamptz, role user_role, status user_status)
  language sql stable security definer set search_path = public, pg_temp as
$$ select s.tenant_id, s.user_id, s.expires_at, s.revoked_at, u.role, u.status
     from sessions s join users u on u.id = s.user_id where s.id = wanted_id $$;

-- True until the first owner exists. Call it under the advisory lock of the set-up.
create function has_owner() returns boolean language sql stable security definer set search_path = public, pg_temp as
$$ select exists (select from users where role = 'owner') $$;

-- Imports that wait or whose worker is gone, oldest first: the worker learns the tenant from here.
create function claim_import(worker_name text, at_time timestamptz, lease interval)
  returns table (id uuid, tenant_id uuid)
  language sql volatile security definer set search_path = public, pg_temp as
$$ update imports i set worker = worker_name, lease_until = at_time + lease, state = 'running', started_at = coalesce(i.started_at, at_time)
    where i.id = (select w.id from imports w
                   where w.state in ('queued', 'running') and (w.lease_until is null or w.lease_until < at_time or w.worker = worker_name)
                   order by w.created_at limit 1 for update skip locked)
   returning i.id, i.tenant_id $$;

do $$
declare
  signature text;
begin
  grant create on schema public to pigeon_engine;
  foreach signature in array array['find_login(text)', 'find_api_key(bytea)', 'find_session(uuid)', 'has_owner()', 'claim_import(text, timestamptz, interval)'] loop
    execute format('alter function %s owner to pigeon_engine', signature);
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to pigeon_api, pigeon_engine', signature);
  end loop;
  revoke create on schema public from pigeon_engine;
end $$;
