-- Key pairs of the installation that sign access tokens (RFC 7518, RS256). No tenant's: one pair for all processes.
-- The private half is an envelope of the installation's keys, bound to the row's id. The newest row signs, all verify.
create table signing_keys (
  id uuid primary key default new_id(),
  algorithm text not null,
  public_key text not null,
  private_key_encrypted bytea not null,
  created_at timestamptz not null
);
grant select, insert on signing_keys to pigeon_api, pigeon_engine;

-- Where the records were found: a sandbox verifies through the simulated Internet, which proves nothing to the real one.
alter table domains add column verified_in sending_mode;
alter table domains add constraint domains_verified_in check ((status = 'verified') = (verified_in is not null));
-- A name is one tenant's where mail really leaves, whatever two transactions do at once.
create unique index domains_verified_live on domains (name) where verified_in = 'live';
