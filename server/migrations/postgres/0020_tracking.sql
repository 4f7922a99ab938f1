-- What is tracked: the tenant says it, a campaign may say otherwise, and a tenant's privacy outranks all of its campaigns.
alter table tenants
  add column track_opens boolean not null default true,
  add column track_clicks boolean not null default true,
  add column tracking_privacy boolean not null default false,
  -- The host name in links, once DNS leads it here; null: that of the installation.
  add column tracking_host text,
  add column tracking_host_verified_at timestamptz;
-- Null: as the tenant says; of transactional mail: not at all.
alter table campaigns
  add column track_opens boolean,
  add column track_clicks boolean;
-- Recipients see it among their lists.
alter table lists add column is_public boolean not null default false;
