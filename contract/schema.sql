-- Generated from the catalogue of a migrated database. Do not edit.

-- Roles

create role pigeon_api;
create role pigeon_engine;

-- Types

create type campaign_status as enum ('draft', 'scheduled', 'sending', 'paused', 'sent', 'cancelled');
create type domain_status as enum ('pending', 'verified');
create type export_state as enum ('queued', 'running', 'completed', 'failed');
create type feedback_kind as enum ('opened', 'clicked', 'complained', 'unsubscribed');
create type import_state as enum ('queued', 'running', 'completed', 'failed');
create type list_status as enum ('active', 'archived');
create type message_class as enum ('bulk', 'transactional');
create type message_state as enum ('scheduled', 'queued', 'sending', 'deferred', 'delivered', 'sent', 'bounced', 'failed', 'suppressed', 'cancelled');
create type queue_action as enum ('flush', 'purge', 'retry');
create type sending_mode as enum ('sandbox', 'live');
create type source_kind as enum ('ip', 'relay');
create type source_status as enum ('active', 'draining', 'disabled');
create type subscription_status as enum ('subscribed', 'unsubscribed');
create type suppression_reason as enum ('unsubscribed', 'hard_bounce', 'complaint', 'manual', 'soft_bounce');
create type tenant_status as enum ('active', 'suspended');
create type user_role as enum ('owner', 'admin', 'editor', 'viewer');
create type user_status as enum ('active', 'disabled');
create type webhook_delivery_state as enum ('pending', 'delivered', 'failed');

-- Sequences

create sequence destinations_id_seq;
create sequence list_counts_id_seq;
create sequence webhook_deliveries_seq_seq;

-- Tables

create table alerts (
  id uuid not null default new_id(),
  kind text not null,
  mode sending_mode not null,
  provider text not null,
  source_id uuid not null,
  source text not null,
  text text not null,
  times integer not null default 1,
  raised_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  resolved_at timestamp with time zone
);

create table api_keys (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  user_id uuid not null,
  name text not null,
  prefix text not null,
  key_hash bytea not null,
  mode sending_mode not null,
  scopes text[] not null,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null
);

create table audit_entries (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  at timestamp with time zone not null,
  user_id uuid not null,
  api_key_id uuid,
  address text not null,
  action text not null,
  subject text not null,
  before jsonb,
  after jsonb
);

create table bounce_strikes (
  tenant_id uuid not null,
  mode sending_mode not null,
  address_key text not null,
  ambiguous_at timestamp with time zone,
  soft_at timestamp with time zone[] not null default '{}'::timestamp with time zone[],
  updated_at timestamp with time zone not null
);

create table campaign_feedback (
  campaign_id uuid not null,
  tenant_id uuid not null,
  kind feedback_kind not null,
  by_machine boolean not null,
  messages bigint not null,
  events bigint not null,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null
);

create table campaign_parts (
  campaign_id uuid not null,
  tenant_id uuid not null,
  part smallint not null,
  cursor uuid not null,
  until uuid,
  completed_at timestamp with time zone
);

create table campaign_tallies (
  campaign_id uuid not null,
  tenant_id uuid not null,
  provider text not null,
  state message_state not null,
  class text not null,
  retried boolean not null,
  count bigint not null,
  first_at timestamp with time zone not null,
  last_at timestamp with time zone not null
);

create table campaigns (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  name text not null,
  status campaign_status not null default 'draft'::campaign_status,
  list_id uuid,
  template_id uuid,
  template_version integer,
  subject text,
  from_email text not null,
  from_name text,
  reply_to text,
  mode sending_mode,
  scheduled_local text,
  time_zone text,
  scheduled_at timestamp with time zone,
  missed_at timestamp with time zone,
  problem text,
  started_at timestamp with time zone,
  paused_at timestamp with time zone,
  cancelled_at timestamp with time zone,
  completed_at timestamp with time zone,
  fanout_completed_at timestamp with time zone,
  accepted bigint not null default 0,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  fanout_parts_left smallint,
  pool_id uuid,
  message_class message_class not null default 'bulk'::message_class,
  expires_after_minutes integer,
  track_opens boolean,
  track_clicks boolean
);

create table contacts (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  email text not null,
  email_key text not null,
  first_name text,
  last_name text,
  attributes jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  last_import_id uuid
) with (fillfactor=90);

create table deliveries (
  message_id uuid not null,
  tenant_id uuid not null,
  queue_id uuid not null,
  contact_id uuid,
  mode sending_mode not null,
  domain text not null,
  shard smallint,
  attempt smallint not null default 0,
  due_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  claimed_epoch bigint,
  destination integer,
  last_source text,
  last_reply jsonb
) with (fillfactor=70, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000);

create table destinations (
  id integer not null generated always as identity,
  mode sending_mode not null,
  provider text not null,
  shard smallint not null,
  first_seen_at timestamp with time zone not null,
  epoch bigint not null default 0,
  allowed_total bigint not null default 0,
  claimed_total bigint not null default 0,
  stopped boolean not null default false
) with (fillfactor=50);

create table dkim_keys (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  domain_id uuid not null,
  selector text not null,
  algorithm text not null,
  public_key text not null,
  private_key_encrypted bytea not null,
  created_at timestamp with time zone not null
);

create table domains (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  name text not null,
  status domain_status not null default 'pending'::domain_status,
  verified_at timestamp with time zone,
  last_checked_at timestamp with time zone,
  last_check jsonb,
  created_at timestamp with time zone not null,
  verified_in sending_mode
);

create table exports (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  format text not null,
  filter jsonb not null,
  state export_state not null default 'queued'::export_state,
  rows_total bigint,
  rows_done bigint not null default 0,
  size_bytes bigint,
  failures integer not null default 0,
  worker text,
  lease_until timestamp with time zone,
  error text,
  created_at timestamp with time zone not null,
  started_at timestamp with time zone,
  completed_at timestamp with time zone,
  expires_at timestamp with time zone
);

create table feedback_seen (
  id uuid not null,
  seen_at timestamp with time zone not null
);

create table history_loads (
  topic text not null,
  partition integer not null,
  from_offset bigint not null,
  to_offset bigint not null
);

create table idempotency_keys (
  tenant_id uuid not null,
  scope text not null,
  key text not null,
  body_hash bytea not null,
  status smallint not null,
  response jsonb not null,
  created_at timestamp with time zone not null
);

create table import_rejects (
  import_id uuid not null,
  tenant_id uuid not null,
  line bigint not null,
  code text not null,
  reason text not null,
  raw text not null
);

create table imports (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  list_id uuid not null,
  file_name text not null,
  object_key text not null,
  size_bytes bigint not null,
  state import_state not null default 'queued'::import_state,
  on_existing text not null,
  mapping jsonb,
  dialect jsonb,
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
  lease_until timestamp with time zone,
  error text,
  created_at timestamp with time zone not null,
  started_at timestamp with time zone,
  completed_at timestamp with time zone
);

create table lane_complaints (
  mode sending_mode not null,
  provider text not null,
  source text not null,
  day date not null,
  count integer not null
);

create table lane_orders (
  id uuid not null default new_id(),
  mode sending_mode not null,
  provider text not null,
  source_id uuid,
  paused text,
  messages_per_minute integer,
  until timestamp with time zone,
  probe_at timestamp with time zone,
  created_at timestamp with time zone not null
);

create table lanes (
  mode sending_mode not null,
  provider text not null,
  source_id uuid not null,
  source text not null,
  state text not null,
  reason text,
  until timestamp with time zone,
  memory jsonb not null,
  warming boolean not null,
  budget_left integer,
  per_minute real not null,
  refused_share real not null,
  active integer not null,
  connections integer not null,
  max_connections integer,
  since timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  limits jsonb
) with (fillfactor=50);

create table list_counts (
  id bigint not null generated always as identity,
  list_id uuid not null,
  tenant_id uuid not null,
  subscribed bigint not null,
  unsubscribed bigint not null
);

create table lists (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  name text not null,
  description text,
  status list_status not null default 'active'::list_status,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  is_public boolean not null default false
);

create table message_feedback (
  message_id uuid not null,
  tenant_id uuid not null,
  kind feedback_kind not null,
  by_machine boolean not null,
  first_at timestamp with time zone not null
);

create table messages (
  id uuid not null,
  tenant_id uuid not null,
  campaign_id uuid,
  contact_id uuid,
  recipient text not null,
  state message_state not null,
  mode sending_mode not null,
  in_doubt boolean not null default false,
  provider text not null default ''::text,
  attempts smallint not null default 0,
  code smallint,
  enhanced text,
  class text,
  reply text,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  source text not null default ''::text,
  bounced_from message_state,
  requeued_after smallint not null default 0
) with (fillfactor=85);

create table mta_sts_policies (
  mode sending_mode not null,
  domain text not null,
  policy_id text not null,
  policy_mode text not null,
  mx text[] not null,
  max_age_seconds integer not null,
  fetched_at timestamp with time zone not null,
  expires_at timestamp with time zone not null
);

create table outbox (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  topic text not null,
  partition integer not null,
  payload jsonb not null,
  created_at timestamp with time zone not null
);

create table pool_classes (
  message_class message_class not null,
  pool_id uuid not null
);

create table pool_sources (
  pool_id uuid not null,
  source_id uuid not null,
  weight smallint not null
);

create table pools (
  id uuid not null default new_id(),
  name text not null,
  overflow_pool_id uuid,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table provider_endings (
  mode sending_mode not null,
  provider text not null,
  at timestamp with time zone not null,
  ended bigint not null,
  unknown_user bigint not null
);

create table queue_orders (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  action queue_action not null,
  mode sending_mode,
  provider text,
  destination integer,
  campaign_id uuid,
  done bigint not null default 0,
  created_at timestamp with time zone not null,
  completed_at timestamp with time zone,
  cursor uuid
);

create table relay_webhooks (
  source_id uuid not null,
  verification bytea,
  last_received_at timestamp with time zone,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table returned_mails (
  id uuid not null,
  received_at timestamp with time zone not null,
  via text not null,
  why text not null,
  mail_from text not null,
  recipients text[] not null,
  octets integer not null,
  content bytea not null
);

create table routes (
  mode sending_mode not null,
  domain text not null,
  provider text not null,
  shard smallint not null,
  resolved_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  destination integer not null
);

create table routing_rules (
  id uuid not null default new_id(),
  "position" integer not null,
  tenant_ids uuid[],
  campaign_ids uuid[],
  message_classes message_class[],
  providers text[],
  from_domains text[],
  pool_id uuid not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table schema_migrations (
  number integer not null,
  name text not null,
  sha256 text not null,
  breaking boolean not null,
  applied_at timestamp with time zone not null
);

create table sending_switch (
  id boolean not null default true,
  stopped_at timestamp with time zone,
  reason text
);

create table sessions (
  id uuid not null,
  tenant_id uuid not null,
  user_id uuid not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  revoked_at timestamp with time zone
);

create table shards (
  id smallint not null,
  owner text,
  epoch bigint not null default 0,
  lease_until timestamp with time zone
);

create table signing_keys (
  id uuid not null default new_id(),
  algorithm text not null,
  public_key text not null,
  private_key_encrypted bytea not null,
  created_at timestamp with time zone not null
);

create table source_spend (
  source_id uuid not null,
  day date not null,
  messages bigint not null,
  spent_nano bigint not null
) with (fillfactor=50);

create table sources (
  id uuid not null default new_id(),
  name text not null,
  kind source_kind not null,
  local_address inet,
  ehlo_name text,
  relay_kind text,
  relay_config jsonb,
  relay_secret bytea,
  status source_status not null default 'active'::source_status,
  warm_up boolean not null default false,
  warm_up_started_at timestamp with time zone,
  warm_up_curve integer[],
  ptr_name text,
  ptr_checked_at timestamp with time zone,
  ptr_problem text,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  cost_per_thousand bigint,
  daily_cost_cap bigint,
  monthly_cost_cap bigint
);

create table stream_head (
  is_only boolean not null default true,
  segment smallint not null
);

create table stream_offsets (
  topic text not null,
  group_name text not null,
  partition integer not null,
  next_offset bigint not null default 0
) with (fillfactor=10);

create table stream_partitions (
  topic text not null,
  partition integer not null,
  next_offset bigint not null default 0
) with (fillfactor=10);

create table stream_records (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
) partition by LIST (segment);

create table stream_records_0 /* partition of stream_records FOR VALUES IN ('0') */ (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
);

create table stream_records_1 /* partition of stream_records FOR VALUES IN ('1') */ (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
);

create table stream_records_2 /* partition of stream_records FOR VALUES IN ('2') */ (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
);

create table stream_records_3 /* partition of stream_records FOR VALUES IN ('3') */ (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
);

create table subscriptions (
  list_id uuid not null,
  contact_id uuid not null,
  tenant_id uuid not null,
  status subscription_status not null,
  subscribed_at timestamp with time zone not null,
  unsubscribed_at timestamp with time zone
);

create table suppressions (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  address_key text not null,
  list_id uuid,
  reason suppression_reason not null,
  message_id uuid,
  note text,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  mode sending_mode,
  held_at timestamp with time zone
);

create table template_versions (
  template_id uuid not null,
  version integer not null,
  tenant_id uuid not null,
  subject text not null,
  html text,
  mjml text,
  text text,
  variables jsonb not null default '[]'::jsonb,
  compiled jsonb not null,
  created_at timestamp with time zone not null
);

create table templates (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  name text not null,
  category text,
  version integer not null,
  is_active boolean not null default true,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table tenants (
  tenant_id uuid not null default new_id(),
  name text not null,
  status tenant_status not null default 'active'::tenant_status,
  mode sending_mode not null default 'sandbox'::sending_mode,
  time_zone text not null default 'UTC'::text,
  settings jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  pool_id uuid,
  track_opens boolean not null default true,
  track_clicks boolean not null default true,
  tracking_privacy boolean not null default false,
  tracking_host text,
  tracking_host_verified_at timestamp with time zone
);

create table tls_reports (
  mode sending_mode not null,
  day date not null,
  domain text not null,
  report_id uuid not null default new_id(),
  state text not null,
  destinations text[] not null,
  body bytea,
  attempts integer not null default 0,
  next_at timestamp with time zone not null,
  sent_to text,
  error text,
  created_at timestamp with time zone not null
);

create table tls_session_counts (
  mode sending_mode not null,
  day date not null,
  domain text not null,
  policy_hash text not null,
  result text not null,
  reason text not null,
  mx_host text not null,
  receiving_ip text not null,
  sending_ip text not null,
  policy jsonb not null,
  sessions bigint not null
);

create table users (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  email text not null,
  email_key text not null,
  password_hash text not null,
  first_name text,
  last_name text,
  role user_role not null,
  status user_status not null default 'active'::user_status,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);

create table webhook_attempts (
  delivery_id uuid not null,
  number integer not null,
  tenant_id uuid not null,
  url text not null,
  at timestamp with time zone not null,
  duration_ms integer not null,
  status smallint,
  response text,
  error text
);

create table webhook_deliveries (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  webhook_id uuid not null,
  event text not null,
  subject_id uuid not null,
  seq bigint not null generated always as identity,
  payload text not null,
  state webhook_delivery_state not null default 'pending'::webhook_delivery_state,
  tries smallint not null default 0,
  attempts integer not null default 0,
  due_at timestamp with time zone not null,
  last_status smallint,
  last_error text,
  created_at timestamp with time zone not null,
  completed_at timestamp with time zone
) with (fillfactor=85, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000);

create table webhooks (
  id uuid not null default new_id(),
  tenant_id uuid not null,
  url text not null,
  description text,
  events text[],
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamp with time zone,
  disabled_at timestamp with time zone,
  disabled_reason text,
  failing_since timestamp with time zone,
  worker text,
  lease_until timestamp with time zone,
  deleted_at timestamp with time zone,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
) with (fillfactor=50);

-- Constraints

alter table alerts add constraint alerts_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table api_keys add constraint api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_key_hash_key UNIQUE (key_hash);
alter table audit_entries add constraint audit_entries_pkey PRIMARY KEY (id);
alter table bounce_strikes add constraint bounce_strikes_pkey PRIMARY KEY (tenant_id, mode, address_key);
alter table campaign_feedback add constraint campaign_feedback_pkey PRIMARY KEY (campaign_id, kind, by_machine);
alter table campaign_parts add constraint campaign_parts_pkey PRIMARY KEY (campaign_id, part);
alter table campaign_tallies add constraint campaign_tallies_pkey PRIMARY KEY (campaign_id, provider, state, class, retried);
alter table campaigns add constraint campaigns_expires_after_minutes_check CHECK (((expires_after_minutes >= 1) AND (expires_after_minutes <= 43200)));
alter table campaigns add constraint campaigns_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id);
alter table campaigns add constraint campaigns_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES pools(id) ON DELETE SET NULL;
alter table campaigns add constraint campaigns_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id);
alter table campaigns add constraint campaigns_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table campaigns add constraint campaigns_pkey PRIMARY KEY (id);
alter table contacts add constraint contacts_pkey PRIMARY KEY (id);
alter table contacts add constraint contacts_tenant_id_email_key_key UNIQUE (tenant_id, email_key);
alter table deliveries add constraint deliveries_pkey PRIMARY KEY (message_id);
alter table destinations add constraint destinations_pkey PRIMARY KEY (id);
alter table destinations add constraint destinations_mode_provider_key UNIQUE (mode, provider);
alter table dkim_keys add constraint dkim_keys_algorithm_check CHECK ((algorithm = ANY (ARRAY['rsa-sha256'::text, 'ed25519-sha256'::text])));
alter table dkim_keys add constraint dkim_keys_domain_id_fkey FOREIGN KEY (domain_id) REFERENCES domains(id) ON DELETE CASCADE;
alter table dkim_keys add constraint dkim_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table dkim_keys add constraint dkim_keys_pkey PRIMARY KEY (id);
alter table dkim_keys add constraint dkim_keys_domain_id_selector_key UNIQUE (domain_id, selector);
alter table domains add constraint domains_verified_in CHECK (((status = 'verified'::domain_status) = (verified_in IS NOT NULL)));
alter table domains add constraint domains_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table domains add constraint domains_pkey PRIMARY KEY (id);
alter table domains add constraint domains_tenant_id_name_key UNIQUE (tenant_id, name);
alter table exports add constraint exports_format_check CHECK ((format = ANY (ARRAY['csv'::text, 'jsonl'::text, 'parquet'::text])));
alter table exports add constraint exports_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table exports add constraint exports_pkey PRIMARY KEY (id);
alter table feedback_seen add constraint feedback_seen_pkey PRIMARY KEY (id);
alter table history_loads add constraint history_loads_pkey PRIMARY KEY (topic, partition);
alter table idempotency_keys add constraint idempotency_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table idempotency_keys add constraint idempotency_keys_pkey PRIMARY KEY (tenant_id, scope, key);
alter table import_rejects add constraint import_rejects_import_id_fkey FOREIGN KEY (import_id) REFERENCES imports(id) ON DELETE CASCADE;
alter table import_rejects add constraint import_rejects_pkey PRIMARY KEY (import_id, line);
alter table imports add constraint imports_on_existing_check CHECK ((on_existing = ANY (ARRAY['upsert'::text, 'skip'::text])));
alter table imports add constraint imports_list_id_fkey FOREIGN KEY (list_id) REFERENCES lists(id) ON DELETE CASCADE;
alter table imports add constraint imports_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table imports add constraint imports_pkey PRIMARY KEY (id);
alter table lane_complaints add constraint lane_complaints_pkey PRIMARY KEY (day, mode, provider, source);
alter table lane_orders add constraint lane_orders_pkey PRIMARY KEY (id);
alter table lane_orders add constraint lane_orders_mode_provider_source_id_key UNIQUE NULLS NOT DISTINCT (mode, provider, source_id);
alter table lanes add constraint lanes_pkey PRIMARY KEY (mode, provider, source_id);
alter table list_counts add constraint list_counts_pkey PRIMARY KEY (id);
alter table lists add constraint lists_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table lists add constraint lists_pkey PRIMARY KEY (id);
alter table message_feedback add constraint message_feedback_pkey PRIMARY KEY (message_id, kind, by_machine);
alter table messages add constraint messages_pkey PRIMARY KEY (id);
alter table mta_sts_policies add constraint mta_sts_policies_policy_mode_check CHECK ((policy_mode = ANY (ARRAY['enforce'::text, 'testing'::text, 'none'::text])));
alter table mta_sts_policies add constraint mta_sts_policies_pkey PRIMARY KEY (mode, domain);
alter table outbox add constraint outbox_pkey PRIMARY KEY (id);
alter table pool_classes add constraint pool_classes_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES pools(id);
alter table pool_classes add constraint pool_classes_pkey PRIMARY KEY (message_class);
alter table pool_sources add constraint pool_sources_weight_check CHECK (((weight >= 1) AND (weight <= 1000)));
alter table pool_sources add constraint pool_sources_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES pools(id) ON DELETE CASCADE;
alter table pool_sources add constraint pool_sources_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources(id);
alter table pool_sources add constraint pool_sources_pkey PRIMARY KEY (pool_id, source_id);
alter table pools add constraint pools_check CHECK ((overflow_pool_id <> id));
alter table pools add constraint pools_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'::text));
alter table pools add constraint pools_overflow_pool_id_fkey FOREIGN KEY (overflow_pool_id) REFERENCES pools(id);
alter table pools add constraint pools_pkey PRIMARY KEY (id);
alter table pools add constraint pools_name_key UNIQUE (name);
alter table provider_endings add constraint provider_endings_pkey PRIMARY KEY (mode, provider, at);
alter table queue_orders add constraint queue_orders_pkey PRIMARY KEY (id);
alter table relay_webhooks add constraint relay_webhooks_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources(id) ON DELETE CASCADE;
alter table relay_webhooks add constraint relay_webhooks_pkey PRIMARY KEY (source_id);
alter table returned_mails add constraint returned_mails_via_check CHECK ((via = ANY (ARRAY['smtp'::text, 'imap'::text])));
alter table returned_mails add constraint returned_mails_why_check CHECK ((why = ANY (ARRAY['unknown'::text, 'unnamed'::text, 'forged'::text, 'reply'::text])));
alter table returned_mails add constraint returned_mails_pkey PRIMARY KEY (id);
alter table routes add constraint routes_pkey PRIMARY KEY (mode, domain);
alter table routing_rules add constraint routing_rules_position_check CHECK (("position" > 0));
alter table routing_rules add constraint routing_rules_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES pools(id);
alter table routing_rules add constraint routing_rules_pkey PRIMARY KEY (id);
alter table routing_rules add constraint routing_rules_position_key UNIQUE ("position") DEFERRABLE INITIALLY DEFERRED;
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (number);
alter table sending_switch add constraint sending_switch_id_check CHECK (id);
alter table sending_switch add constraint sending_switch_pkey PRIMARY KEY (id);
alter table sessions add constraint sessions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table sessions add constraint sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;
alter table sessions add constraint sessions_pkey PRIMARY KEY (id);
alter table shards add constraint shards_pkey PRIMARY KEY (id);
alter table signing_keys add constraint signing_keys_pkey PRIMARY KEY (id);
alter table source_spend add constraint source_spend_source_id_fkey FOREIGN KEY (source_id) REFERENCES sources(id) ON DELETE CASCADE;
alter table source_spend add constraint source_spend_pkey PRIMARY KEY (source_id, day);
alter table sources add constraint sources_check CHECK (((kind = 'relay'::source_kind) = (relay_kind IS NOT NULL)));
alter table sources add constraint sources_check1 CHECK (((kind = 'relay'::source_kind) OR ((relay_config IS NULL) AND (relay_secret IS NULL))));
alter table sources add constraint sources_check2 CHECK (((kind = 'ip'::source_kind) OR (local_address IS NULL)));
alter table sources add constraint sources_check3 CHECK (((NOT warm_up) OR (warm_up_started_at IS NOT NULL)));
alter table sources add constraint sources_check4 CHECK (((cost_per_thousand IS NOT NULL) OR ((daily_cost_cap IS NULL) AND (monthly_cost_cap IS NULL))));
alter table sources add constraint sources_cost_per_thousand_check CHECK ((cost_per_thousand > 0));
alter table sources add constraint sources_daily_cost_cap_check CHECK ((daily_cost_cap >= 0));
alter table sources add constraint sources_local_address_check CHECK ((masklen(local_address) =
CASE family(local_address)
    WHEN 4 THEN 32
    ELSE 128
END));
alter table sources add constraint sources_monthly_cost_cap_check CHECK ((monthly_cost_cap >= 0));
alter table sources add constraint sources_name_check CHECK ((name ~ '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$'::text));
alter table sources add constraint sources_pkey PRIMARY KEY (id);
alter table sources add constraint sources_local_address_key UNIQUE (local_address);
alter table sources add constraint sources_name_key UNIQUE (name);
alter table stream_head add constraint stream_head_is_only_check CHECK (is_only);
alter table stream_head add constraint stream_head_pkey PRIMARY KEY (is_only);
alter table stream_offsets add constraint stream_offsets_pkey PRIMARY KEY (topic, group_name, partition);
alter table stream_partitions add constraint stream_partitions_pkey PRIMARY KEY (topic, partition);
alter table subscriptions add constraint subscriptions_pkey PRIMARY KEY (list_id, contact_id);
alter table suppressions add constraint suppressions_pkey PRIMARY KEY (id);
alter table template_versions add constraint template_versions_template_id_fkey FOREIGN KEY (template_id) REFERENCES templates(id) ON DELETE CASCADE;
alter table template_versions add constraint template_versions_pkey PRIMARY KEY (template_id, version);
alter table templates add constraint templates_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table templates add constraint templates_pkey PRIMARY KEY (id);
alter table tenants add constraint tenants_pool_id_fkey FOREIGN KEY (pool_id) REFERENCES pools(id);
alter table tenants add constraint tenants_pkey PRIMARY KEY (tenant_id);
alter table tls_reports add constraint tls_reports_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text, 'unwanted'::text])));
alter table tls_reports add constraint tls_reports_pkey PRIMARY KEY (mode, day, domain);
alter table tls_session_counts add constraint tls_session_counts_pkey PRIMARY KEY (mode, day, domain, policy_hash, result, reason, mx_host, receiving_ip, sending_ip);
alter table users add constraint users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table users add constraint users_pkey PRIMARY KEY (id);
alter table users add constraint users_email_key_key UNIQUE (email_key);
alter table webhook_attempts add constraint webhook_attempts_pkey PRIMARY KEY (delivery_id, number);
alter table webhook_deliveries add constraint webhook_deliveries_pkey PRIMARY KEY (id);
alter table webhooks add constraint webhooks_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES tenants(tenant_id);
alter table webhooks add constraint webhooks_pkey PRIMARY KEY (id);

-- Indexes

CREATE UNIQUE INDEX alerts_open ON public.alerts USING btree (kind, mode, provider, source_id) WHERE (resolved_at IS NULL);
CREATE INDEX alerts_resolved_at_idx ON public.alerts USING btree (resolved_at) WHERE (resolved_at IS NOT NULL);
CREATE INDEX api_keys_tenant_id_id_idx ON public.api_keys USING btree (tenant_id, id);
CREATE INDEX audit_entries_tenant_id_id_idx ON public.audit_entries USING btree (tenant_id, id);
CREATE INDEX bounce_strikes_ambiguous ON public.bounce_strikes USING btree (tenant_id, mode, address_key) WHERE (ambiguous_at IS NOT NULL);
CREATE INDEX bounce_strikes_updated_at_idx ON public.bounce_strikes USING btree (updated_at);
CREATE INDEX campaigns_list_id_idx ON public.campaigns USING btree (list_id);
CREATE INDEX campaigns_pool_id_idx ON public.campaigns USING btree (pool_id) WHERE (pool_id IS NOT NULL);
CREATE INDEX campaigns_scheduled_at_idx ON public.campaigns USING btree (scheduled_at) WHERE (status = 'scheduled'::campaign_status);
CREATE INDEX campaigns_started_at_idx ON public.campaigns USING btree (started_at) WHERE ((status = ANY (ARRAY['sending'::campaign_status, 'paused'::campaign_status, 'cancelled'::campaign_status])) AND (completed_at IS NULL));
CREATE INDEX campaigns_tenant_id_id_idx ON public.campaigns USING btree (tenant_id, id);
CREATE INDEX contacts_tenant_id_id_idx ON public.contacts USING btree (tenant_id, id);
CREATE INDEX deliveries_claimed ON public.deliveries USING btree (shard, claimed_epoch) WHERE (claimed_epoch IS NOT NULL);
CREATE INDEX deliveries_due ON public.deliveries USING btree (queue_id, destination, due_at) WHERE (claimed_epoch IS NULL);
CREATE INDEX deliveries_unrouted ON public.deliveries USING btree (mode, domain) WHERE (shard IS NULL);
CREATE INDEX destinations_shard_idx ON public.destinations USING btree (shard);
CREATE UNIQUE INDEX domains_verified_live ON public.domains USING btree (name) WHERE (verified_in = 'live'::sending_mode);
CREATE INDEX exports_created_at_idx ON public.exports USING btree (created_at) WHERE (state = ANY (ARRAY['queued'::export_state, 'running'::export_state]));
CREATE INDEX exports_expires_at_idx ON public.exports USING btree (expires_at) WHERE (expires_at IS NOT NULL);
CREATE INDEX exports_tenant_id_id_idx ON public.exports USING btree (tenant_id, id);
CREATE INDEX feedback_seen_seen_at_idx ON public.feedback_seen USING btree (seen_at);
CREATE INDEX idempotency_keys_created_at_idx ON public.idempotency_keys USING btree (created_at);
CREATE INDEX imports_created_at_idx ON public.imports USING btree (created_at) WHERE (state = ANY (ARRAY['queued'::import_state, 'running'::import_state]));
CREATE INDEX imports_tenant_id_id_idx ON public.imports USING btree (tenant_id, id);
CREATE INDEX list_counts_list_id_idx ON public.list_counts USING btree (list_id);
CREATE INDEX lists_tenant_id_id_idx ON public.lists USING btree (tenant_id, id);
CREATE UNIQUE INDEX messages_campaign_contact ON public.messages USING btree (campaign_id, contact_id);
CREATE INDEX mta_sts_policies_expires_at_idx ON public.mta_sts_policies USING btree (expires_at);
CREATE INDEX pool_sources_source_id_idx ON public.pool_sources USING btree (source_id);
CREATE INDEX provider_endings_at_idx ON public.provider_endings USING btree (at);
CREATE INDEX queue_orders_created_at_idx ON public.queue_orders USING btree (created_at) WHERE (completed_at IS NULL);
CREATE INDEX returned_mails_received_at_idx ON public.returned_mails USING btree (received_at);
CREATE INDEX routing_rules_pool_id_idx ON public.routing_rules USING btree (pool_id);
CREATE INDEX sessions_user_id_idx ON public.sessions USING btree (user_id);
CREATE UNIQUE INDEX stream_records_topic_partition_offset_segment_idx ON ONLY public.stream_records USING btree (topic, partition, "offset", segment);
CREATE UNIQUE INDEX stream_records_0_topic_partition_offset_segment_idx ON public.stream_records_0 USING btree (topic, partition, "offset", segment);
CREATE UNIQUE INDEX stream_records_1_topic_partition_offset_segment_idx ON public.stream_records_1 USING btree (topic, partition, "offset", segment);
CREATE UNIQUE INDEX stream_records_2_topic_partition_offset_segment_idx ON public.stream_records_2 USING btree (topic, partition, "offset", segment);
CREATE UNIQUE INDEX stream_records_3_topic_partition_offset_segment_idx ON public.stream_records_3 USING btree (topic, partition, "offset", segment);
CREATE INDEX subscriptions_contact_id_idx ON public.subscriptions USING btree (contact_id);
CREATE UNIQUE INDEX suppressions_address ON public.suppressions USING btree (tenant_id, address_key text_pattern_ops, list_id, mode) NULLS NOT DISTINCT;
CREATE INDEX suppressions_bounced ON public.suppressions USING btree (created_at) WHERE (reason = 'hard_bounce'::suppression_reason);
CREATE INDEX suppressions_domain ON public.suppressions USING btree (tenant_id, split_part(address_key, '@'::text, '-1'::integer), id);
CREATE INDEX suppressions_held ON public.suppressions USING btree (tenant_id, address_key) WHERE (held_at IS NOT NULL);
CREATE INDEX suppressions_tenant_id_id_idx ON public.suppressions USING btree (tenant_id, id);
CREATE INDEX templates_tenant_id_id_idx ON public.templates USING btree (tenant_id, id);
CREATE INDEX tenants_pool_id_idx ON public.tenants USING btree (pool_id) WHERE (pool_id IS NOT NULL);
CREATE INDEX tls_reports_created_at_idx ON public.tls_reports USING btree (created_at);
CREATE INDEX tls_reports_day_domain_mode_idx ON public.tls_reports USING btree (day, domain, mode);
CREATE INDEX tls_reports_next_at_idx ON public.tls_reports USING btree (next_at) WHERE (state = 'waiting'::text);
CREATE INDEX users_tenant_id_idx ON public.users USING btree (tenant_id);
CREATE INDEX webhook_deliveries_created_at_idx ON public.webhook_deliveries USING brin (created_at);
CREATE INDEX webhook_deliveries_due ON public.webhook_deliveries USING btree (webhook_id, due_at) WHERE (state = 'pending'::webhook_delivery_state);
CREATE INDEX webhook_deliveries_order ON public.webhook_deliveries USING btree (webhook_id, subject_id, seq) WHERE (state = 'pending'::webhook_delivery_state);
CREATE INDEX webhook_deliveries_webhook_id_id_idx ON public.webhook_deliveries USING btree (webhook_id, id);
CREATE INDEX webhooks_tenant_id_id_idx ON public.webhooks USING btree (tenant_id, id);

-- Row-level security

alter table api_keys enable row level security, force row level security;
alter table audit_entries enable row level security, force row level security;
alter table bounce_strikes enable row level security, force row level security;
alter table campaign_feedback enable row level security, force row level security;
alter table campaign_parts enable row level security, force row level security;
alter table campaign_tallies enable row level security, force row level security;
alter table campaigns enable row level security, force row level security;
alter table contacts enable row level security, force row level security;
alter table deliveries enable row level security, force row level security;
alter table dkim_keys enable row level security, force row level security;
alter table domains enable row level security, force row level security;
alter table exports enable row level security, force row level security;
alter table idempotency_keys enable row level security, force row level security;
alter table import_rejects enable row level security, force row level security;
alter table imports enable row level security, force row level security;
alter table list_counts enable row level security, force row level security;
alter table lists enable row level security, force row level security;
alter table message_feedback enable row level security, force row level security;
alter table messages enable row level security, force row level security;
alter table outbox enable row level security, force row level security;
alter table queue_orders enable row level security, force row level security;
alter table sessions enable row level security, force row level security;
alter table subscriptions enable row level security, force row level security;
alter table suppressions enable row level security, force row level security;
alter table template_versions enable row level security, force row level security;
alter table templates enable row level security, force row level security;
alter table tenants enable row level security, force row level security;
alter table users enable row level security, force row level security;
alter table webhook_attempts enable row level security, force row level security;
alter table webhook_deliveries enable row level security, force row level security;
alter table webhooks enable row level security, force row level security;

-- Policies

create policy all_tenants on api_keys as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on api_keys as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on audit_entries as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on audit_entries as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on bounce_strikes as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on bounce_strikes as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on campaign_feedback as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on campaign_feedback as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on campaign_parts as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on campaign_parts as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on campaign_tallies as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on campaign_tallies as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on campaigns as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on campaigns as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on contacts as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on contacts as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on deliveries as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on deliveries as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on dkim_keys as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on dkim_keys as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on domains as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on domains as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on exports as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on exports as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on idempotency_keys as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on idempotency_keys as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on import_rejects as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on import_rejects as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on imports as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on imports as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on list_counts as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on list_counts as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on lists as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on lists as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on message_feedback as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on message_feedback as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on messages as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on messages as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on outbox as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on outbox as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on queue_orders as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on queue_orders as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on sessions as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on sessions as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on subscriptions as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on subscriptions as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on suppressions as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on suppressions as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on template_versions as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on template_versions as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on templates as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on templates as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on tenants as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on tenants as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on users as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on users as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on webhook_attempts as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on webhook_attempts as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on webhook_deliveries as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on webhook_deliveries as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));
create policy all_tenants on webhooks as permissive for all to pigeon_engine using (true) with check (true);
create policy one_tenant on webhooks as permissive for all to pigeon_api using ((tenant_id = ( SELECT current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT current_tenant() AS current_tenant)));

-- Functions

CREATE OR REPLACE FUNCTION public.claim_export(worker_name text, at_time timestamp with time zone, lease interval)
 RETURNS TABLE(id uuid, tenant_id uuid)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ update exports e set worker = worker_name, lease_until = at_time + lease, state = 'running', started_at = coalesce(e.started_at, at_time)
    where e.id = (select w.id from exports w
                   where w.state in ('queued', 'running') and (w.lease_until is null or w.lease_until < at_time or w.worker = worker_name)
                   order by w.created_at limit 1 for update skip locked)
   returning e.id, e.tenant_id $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.claim_import(worker_name text, at_time timestamp with time zone, lease interval)
 RETURNS TABLE(id uuid, tenant_id uuid)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ update imports i set worker = worker_name, lease_until = at_time + lease, state = 'running', started_at = coalesce(i.started_at, at_time)
    where i.id = (select w.id from imports w
                   where w.state in ('queued', 'running') and (w.lease_until is null or w.lease_until < at_time or w.worker = worker_name)
                   order by w.created_at limit 1 for update skip locked)
   returning i.id, i.tenant_id $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.count_pool_users(wanted_pool_id uuid)
 RETURNS TABLE(tenants bigint, campaigns bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select (select count(*) from tenants where pool_id = wanted_pool_id),
          (select count(*) from campaigns where pool_id = wanted_pool_id and completed_at is null) $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.count_waiting(wanted integer[], at_time timestamp with time zone, most integer)
 RETURNS TABLE(destination integer, waiting bigint, later bigint, under_minute bigint, under_hour bigint, oldest_due_at timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ with active as materialized (
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
    group by w.id $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.current_tenant()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
AS $function$ select current_setting('app.tenant_id')::uuid $function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.find_api_key(wanted_hash bytea)
 RETURNS TABLE(id uuid, tenant_id uuid, user_id uuid, mode sending_mode, scopes text[], expires_at timestamp with time zone, revoked_at timestamp with time zone, role user_role, user_status user_status, last_used_at timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select k.id, k.tenant_id, k.user_id, k.mode, k.scopes, k.expires_at, k.revoked_at, u.role, u.status, k.last_used_at
     from api_keys k join users u on u.id = k.user_id where k.key_hash = wanted_hash $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.find_login(wanted_email_key text)
 RETURNS TABLE(user_id uuid, tenant_id uuid, email text, password_hash text, role user_role, status user_status)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select u.id, u.tenant_id, u.email, u.password_hash, u.role, u.status from users u where u.email_key = wanted_email_key $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.find_session(wanted_id uuid)
 RETURNS TABLE(tenant_id uuid, user_id uuid, expires_at timestamp with time zone, revoked_at timestamp with time zone, role user_role, status user_status)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select s.tenant_id, s.user_id, s.expires_at, s.revoked_at, u.role, u.status
     from sessions s join users u on u.id = s.user_id where s.id = wanted_id $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.fold_list_counts(wanted_list_id uuid)
 RETURNS void
 LANGUAGE sql
AS $function$ with old as (
     delete from list_counts
      where id in (select id from list_counts where list_id = wanted_list_id for update skip locked)
     returning tenant_id, subscribed, unsubscribed
   )
   insert into list_counts (list_id, tenant_id, subscribed, unsubscribed)
   select wanted_list_id, tenant_id, sum(subscribed), sum(unsubscribed) from old group by tenant_id $function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.has_owner()
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select exists (select from users where role = 'owner') $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.list_engine_sessions()
 RETURNS TABLE(name text, sessions bigint, since timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select application_name, count(*), min(backend_start) from pg_stat_activity
    where datname = current_database() and usename = 'pigeon_engine' and application_name like 'pigeon %' group by 1 $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.list_expired_exports(at_time timestamp with time zone)
 RETURNS TABLE(id uuid, tenant_id uuid)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select e.id, e.tenant_id from exports e where e.expires_at < at_time order by e.expires_at limit 100 $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.list_shards(most integer)
 RETURNS TABLE(id smallint, owner text, lease_until timestamp with time zone, in_hand bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ select s.id, s.owner, s.lease_until,
          (select count(*) from (select from deliveries where shard = s.id and claimed_epoch is not null limit most + 1) d)
     from shards s $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.list_waiting(after integer, most integer)
 RETURNS TABLE(destination integer)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$ with recursive active as materialized (
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
   select id from each where id is not null limit most $function$
;
-- owner: pigeon_engine


CREATE OR REPLACE FUNCTION public.new_id()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
AS $function$select uuidv7()$function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.note_lane_orders()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('lanes', '');
  return null;
end
$function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.note_list_counts()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
declare
  changed record;
begin
  for changed in execute case tg_op
    when 'INSERT' then 'select list_id, tenant_id, count(*) filter (where status = ''subscribed'') as subscribed,
                               count(*) filter (where status = ''unsubscribed'') as unsubscribed
                          from added group by list_id, tenant_id'
    when 'DELETE' then 'select list_id, tenant_id, -count(*) filter (where status = ''subscribed'') as subscribed,
                               -count(*) filter (where status = ''unsubscribed'') as unsubscribed
                          from removed group by list_id, tenant_id'
    else 'select list_id, tenant_id, sum(subscribed)::bigint as subscribed, sum(unsubscribed)::bigint as unsubscribed
            from (select list_id, tenant_id, (status = ''subscribed'')::int as subscribed, (status = ''unsubscribed'')::int as unsubscribed from added
                  union all
                  select list_id, tenant_id, -(status = ''subscribed'')::int, -(status = ''unsubscribed'')::int from removed) c
           group by list_id, tenant_id having sum(subscribed) <> 0 or sum(unsubscribed) <> 0'
  end loop
    insert into list_counts (list_id, tenant_id, subscribed, unsubscribed)
    values (changed.list_id, changed.tenant_id, changed.subscribed, changed.unsubscribed);
    if (select count(*) from (select from list_counts where list_id = changed.list_id limit 100) c) = 100 then
      perform fold_list_counts(changed.list_id);
    end if;
  end loop;
  return null;
end
$function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.note_sources()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform pg_notify('sources', '');
  return null;
end
$function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.note_suspension()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$
;
-- owner: the database's


CREATE OR REPLACE FUNCTION public.tell_alert()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
$function$
;
-- owner: the database's

-- Triggers

CREATE TRIGGER tell_alert AFTER INSERT ON public.alerts FOR EACH ROW WHEN ((new.kind = 'lane_suspended'::text)) EXECUTE FUNCTION tell_alert();
CREATE TRIGGER note_sources_added AFTER INSERT ON public.campaigns FOR EACH ROW WHEN ((new.pool_id IS NOT NULL)) EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources_changed AFTER UPDATE OF pool_id ON public.campaigns FOR EACH ROW WHEN ((old.pool_id IS DISTINCT FROM new.pool_id)) EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources_reopened AFTER UPDATE OF completed_at ON public.campaigns FOR EACH ROW WHEN (((new.pool_id IS NOT NULL) AND (old.completed_at IS NOT NULL) AND (new.completed_at IS NULL))) EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_lane_orders AFTER INSERT OR DELETE OR UPDATE ON public.lane_orders FOR EACH STATEMENT EXECUTE FUNCTION note_lane_orders();
CREATE TRIGGER note_suspension AFTER UPDATE OF state ON public.lanes FOR EACH ROW WHEN ((old.state IS DISTINCT FROM new.state)) EXECUTE FUNCTION note_suspension();
CREATE TRIGGER note_suspension_at_first AFTER INSERT ON public.lanes FOR EACH ROW WHEN ((new.state = 'suspended'::text)) EXECUTE FUNCTION note_suspension();
CREATE TRIGGER note_sources AFTER INSERT OR DELETE OR UPDATE ON public.pool_classes FOR EACH STATEMENT EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources AFTER INSERT OR DELETE OR UPDATE ON public.pool_sources FOR EACH STATEMENT EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources AFTER INSERT OR DELETE OR UPDATE ON public.pools FOR EACH STATEMENT EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources AFTER INSERT OR DELETE OR UPDATE ON public.routing_rules FOR EACH STATEMENT EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_sources AFTER INSERT OR DELETE OR UPDATE ON public.sources FOR EACH STATEMENT EXECUTE FUNCTION note_sources();
CREATE TRIGGER note_added AFTER INSERT ON public.subscriptions REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_list_counts();
CREATE TRIGGER note_changed AFTER UPDATE ON public.subscriptions REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_list_counts();
CREATE TRIGGER note_removed AFTER DELETE ON public.subscriptions REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION note_list_counts();
CREATE TRIGGER note_sources AFTER UPDATE OF pool_id ON public.tenants FOR EACH ROW WHEN ((old.pool_id IS DISTINCT FROM new.pool_id)) EXECUTE FUNCTION note_sources();

-- Grants

grant execute on function claim_export(text,timestamp with time zone,interval) to pigeon_api;
grant execute on function claim_import(text,timestamp with time zone,interval) to pigeon_api;
grant execute on function count_pool_users(uuid) to pigeon_api;
grant execute on function count_waiting(integer[],timestamp with time zone,integer) to pigeon_api;
grant execute on function current_tenant() to public;
grant execute on function find_api_key(bytea) to pigeon_api;
grant execute on function find_login(text) to pigeon_api;
grant execute on function find_session(uuid) to pigeon_api;
grant execute on function fold_list_counts(uuid) to public;
grant execute on function has_owner() to pigeon_api;
grant execute on function list_engine_sessions() to pigeon_api;
grant execute on function list_expired_exports(timestamp with time zone) to pigeon_api;
grant execute on function list_shards(integer) to pigeon_api;
grant execute on function list_waiting(integer,integer) to pigeon_api;
grant execute on function new_id() to public;
grant execute on function note_lane_orders() to public;
grant execute on function note_list_counts() to public;
grant execute on function note_sources() to public;
grant execute on function note_suspension() to public;
grant execute on function tell_alert() to public;
grant usage on schema public to public;
grant usage on schema public to pigeon_api;
grant usage on schema public to pigeon_engine;
grant select on table alerts to pigeon_api;
grant delete, insert, select, update on table alerts to pigeon_engine;
grant delete, insert, select, update on table api_keys to pigeon_api;
grant delete, insert, select, update on table api_keys to pigeon_engine;
grant insert, select on table audit_entries to pigeon_api;
grant insert, select on table audit_entries to pigeon_engine;
grant select on table bounce_strikes to pigeon_api;
grant delete, insert, select, update on table bounce_strikes to pigeon_engine;
grant select on table campaign_feedback to pigeon_api;
grant delete, insert, select, update on table campaign_feedback to pigeon_engine;
grant select on table campaign_parts to pigeon_api;
grant delete, insert, select, update on table campaign_parts to pigeon_engine;
grant select on table campaign_tallies to pigeon_api;
grant delete, insert, select, update on table campaign_tallies to pigeon_engine;
grant delete, insert, select, update on table campaigns to pigeon_api;
grant delete, insert, select, update on table campaigns to pigeon_engine;
grant delete, insert, select, update on table contacts to pigeon_api;
grant delete, insert, select, update on table contacts to pigeon_engine;
grant select on table deliveries to pigeon_api;
grant delete, insert, select, update on table deliveries to pigeon_engine;
grant select on table destinations to pigeon_api;
grant delete, insert, select, update on table destinations to pigeon_engine;
grant delete, insert, select, update on table dkim_keys to pigeon_api;
grant delete, insert, select, update on table dkim_keys to pigeon_engine;
grant delete, insert, select, update on table domains to pigeon_api;
grant delete, insert, select, update on table domains to pigeon_engine;
grant delete, insert, select, update on table exports to pigeon_api;
grant delete, insert, select, update on table exports to pigeon_engine;
grant delete, insert, select, update on table feedback_seen to pigeon_engine;
grant delete, insert, select, update on table history_loads to pigeon_engine;
grant delete, insert, select, update on table idempotency_keys to pigeon_api;
grant delete, insert, select, update on table idempotency_keys to pigeon_engine;
grant delete, insert, select, update on table import_rejects to pigeon_api;
grant delete, insert, select, update on table import_rejects to pigeon_engine;
grant delete, insert, select, update on table imports to pigeon_api;
grant delete, insert, select, update on table imports to pigeon_engine;
grant delete, insert, select, update on table lane_complaints to pigeon_engine;
grant delete, insert, select, update on table lane_orders to pigeon_api;
grant delete, insert, select, update on table lane_orders to pigeon_engine;
grant select on table lanes to pigeon_api;
grant delete, insert, select, update on table lanes to pigeon_engine;
grant delete, insert, select, update on table list_counts to pigeon_api;
grant delete, insert, select, update on table list_counts to pigeon_engine;
grant delete, insert, select, update on table lists to pigeon_api;
grant delete, insert, select, update on table lists to pigeon_engine;
grant select on table message_feedback to pigeon_api;
grant delete, insert, select, update on table message_feedback to pigeon_engine;
grant select on table messages to pigeon_api;
grant delete, insert, select, update on table messages to pigeon_engine;
grant select on table mta_sts_policies to pigeon_api;
grant delete, insert, select, update on table mta_sts_policies to pigeon_engine;
grant delete, insert, select, update on table outbox to pigeon_api;
grant delete, insert, select, update on table outbox to pigeon_engine;
grant delete, insert, select, update on table pool_classes to pigeon_api;
grant select on table pool_classes to pigeon_engine;
grant delete, insert, select, update on table pool_sources to pigeon_api;
grant select on table pool_sources to pigeon_engine;
grant delete, insert, select, update on table pools to pigeon_api;
grant select on table pools to pigeon_engine;
grant delete, insert, select, update on table provider_endings to pigeon_engine;
grant insert, select on table queue_orders to pigeon_api;
grant delete, insert, select, update on table queue_orders to pigeon_engine;
grant delete, insert, select, update on table relay_webhooks to pigeon_api;
grant delete, insert, select on table returned_mails to pigeon_engine;
grant select on table routes to pigeon_api;
grant delete, insert, select, update on table routes to pigeon_engine;
grant delete, insert, select, update on table routing_rules to pigeon_api;
grant select on table routing_rules to pigeon_engine;
grant select, update on table sending_switch to pigeon_api;
grant select, update on table sending_switch to pigeon_engine;
grant delete, insert, select, update on table sessions to pigeon_api;
grant delete, insert, select, update on table sessions to pigeon_engine;
grant delete, insert, select, update on table shards to pigeon_engine;
grant insert, select on table signing_keys to pigeon_api;
grant insert, select on table signing_keys to pigeon_engine;
grant select on table source_spend to pigeon_api;
grant insert, select, update on table source_spend to pigeon_engine;
grant delete, insert, select, update on table sources to pigeon_api;
grant select on table sources to pigeon_engine;
grant insert, select, update on table stream_head to pigeon_engine;
grant insert, select, update on table stream_offsets to pigeon_engine;
grant insert, select, update on table stream_partitions to pigeon_engine;
grant insert, select on table stream_records to pigeon_engine;
grant select, truncate on table stream_records_0 to pigeon_engine;
grant select, truncate on table stream_records_1 to pigeon_engine;
grant select, truncate on table stream_records_2 to pigeon_engine;
grant select, truncate on table stream_records_3 to pigeon_engine;
grant delete, insert, select, update on table subscriptions to pigeon_api;
grant delete, insert, select, update on table subscriptions to pigeon_engine;
grant delete, insert, select, update on table suppressions to pigeon_api;
grant delete, insert, select, update on table suppressions to pigeon_engine;
grant delete, insert, select, update on table template_versions to pigeon_api;
grant delete, insert, select, update on table template_versions to pigeon_engine;
grant delete, insert, select, update on table templates to pigeon_api;
grant delete, insert, select, update on table templates to pigeon_engine;
grant delete, insert, select, update on table tenants to pigeon_api;
grant delete, insert, select, update on table tenants to pigeon_engine;
grant delete, insert, select, update on table tls_reports to pigeon_engine;
grant delete, insert, select, update on table tls_session_counts to pigeon_engine;
grant delete, insert, select, update on table users to pigeon_api;
grant delete, insert, select, update on table users to pigeon_engine;
grant select on table webhook_attempts to pigeon_api;
grant delete, insert, select, update on table webhook_attempts to pigeon_engine;
grant insert, select, update on table webhook_deliveries to pigeon_api;
grant delete, insert, select, update on table webhook_deliveries to pigeon_engine;
grant insert, select, update on table webhooks to pigeon_api;
grant delete, insert, select, update on table webhooks to pigeon_engine;
