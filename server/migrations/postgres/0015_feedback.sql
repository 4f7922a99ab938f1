-- What comes back after a message was handed over, and who is no longer written to because of it.

alter table messages
  -- Name of the source that the last attempt left from.
  add column source text not null default '',
  -- Set by a bounce that came back after the attempt had ended: the state that it took the message from.
  add column bounced_from message_state;

-- Ids of the news that were applied: what is heard again counts once. Rows live for some weeks.
create table feedback_seen (
  id uuid primary key,
  seen_at timestamptz not null
);
create index on feedback_seen (seen_at);
grant select, insert, update, delete on feedback_seen to pigeon_engine;

create type feedback_kind as enum ('opened', 'clicked', 'complained', 'unsubscribed');

-- That something was heard of a message at all: its first time makes the message count.
create table message_feedback (
  message_id uuid not null,
  tenant_id uuid not null,
  kind feedback_kind not null,
  by_machine boolean not null,
  first_at timestamptz not null,
  primary key (message_id, kind, by_machine)
);

-- Counts of what was heard of a campaign's messages; moves in the transaction that applies the news.
create table campaign_feedback (
  campaign_id uuid not null,
  tenant_id uuid not null,
  kind feedback_kind not null,
  by_machine boolean not null,
  -- Of how many messages it was heard, and how often.
  messages bigint not null,
  events bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  primary key (campaign_id, kind, by_machine)
);

-- What speaks against an address and does not suppress it yet. A row an address, of bounded size.
create table bounce_strikes (
  tenant_id uuid not null,
  mode sending_mode not null,
  address_key text not null,
  -- The first refusal for good whose reason leaves a doubt.
  ambiguous_at timestamptz,
  -- The last bounces that may be over soon.
  soft_at timestamptz[] not null default '{}',
  updated_at timestamptz not null,
  primary key (tenant_id, mode, address_key)
);
create index on bounce_strikes (updated_at);
create index bounce_strikes_ambiguous on bounce_strikes (tenant_id, mode, address_key) where ambiguous_at is not null;

do $$
declare
  name text;
begin
  foreach name in array array['message_feedback', 'campaign_feedback', 'bounce_strikes'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy one_tenant on %I to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()))', name);
    execute format('create policy all_tenants on %I to pigeon_engine using (true) with check (true)', name);
    execute format('grant select, insert, update, delete on %I to pigeon_engine', name);
    execute format('grant select on %I to pigeon_api', name);
  end loop;
end $$;

-- How many messages to a provider ended, and how many of them because nobody has such a mailbox, in steps of some minutes.
create table provider_endings (
  mode sending_mode not null,
  provider text not null,
  at timestamptz not null,
  ended bigint not null,
  unknown_user bigint not null,
  primary key (mode, provider, at)
);
create index on provider_endings (at);
grant select, insert, update, delete on provider_endings to pigeon_engine;

alter type suppression_reason add value 'soft_bounce';
alter table suppressions
  -- The mail that it is for: what was learned in a rehearsal does not stop live mail. Null: all of it.
  add column mode sending_mode,
  -- Set while it stops nothing, because its provider refuses so many mailboxes that the provider may be at fault.
  add column held_at timestamptz;
drop index suppressions_address;
-- Pattern operators, so that it finds addresses by their beginning, too.
create unique index suppressions_address on suppressions (tenant_id, address_key text_pattern_ops, list_id, mode) nulls not distinct;
create index suppressions_held on suppressions (tenant_id, address_key) where held_at is not null;
create index suppressions_bounced on suppressions (created_at) where reason = 'hard_bounce';
create index suppressions_domain on suppressions (tenant_id, split_part(address_key, '@', -1), id);
