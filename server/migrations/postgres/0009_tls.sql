-- MTA-STS policies of recipient domains (RFC 8461): shared by the processes, and in force until they expire, also when
-- the domain cannot be asked again.
create table mta_sts_policies (
  mode sending_mode not null,
  domain text not null,
  policy_id text not null,
  policy_mode text not null check (policy_mode in ('enforce', 'testing', 'none')),
  mx text[] not null,
  max_age_seconds integer not null,
  fetched_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (mode, domain)
);
create index on mta_sts_policies (expires_at);

-- TLS sessions of a day (RFC 8460), counted for each domain, policy and way to fail; '' where nothing failed.
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
  sessions bigint not null,
  primary key (mode, day, domain, policy_hash, result, reason, mx_host, receiving_ip, sending_ip)
);

-- One report a domain and day at most. `waiting` ones are sent when `next_at` has come; a domain that wants none has a
-- row without a report, so that it is asked once.
create table tls_reports (
  mode sending_mode not null,
  day date not null,
  domain text not null,
  report_id uuid not null default new_id(),
  state text not null check (state in ('waiting', 'sent', 'failed', 'unwanted')),
  destinations text[] not null,
  -- JSON, compressed with gzip.
  body bytea,
  attempts integer not null default 0,
  next_at timestamptz not null,
  sent_to text,
  error text,
  created_at timestamptz not null,
  primary key (mode, day, domain)
);
create index on tls_reports (next_at) where state = 'waiting';
create index on tls_reports (created_at);

grant select, insert, update, delete on mta_sts_policies, tls_session_counts, tls_reports to pigeon_engine;
