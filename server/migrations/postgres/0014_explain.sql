-- Explanations and rehearsals say where mail would go: they read what routing and TLS policies know, and change nothing.
-- Neither table has anything of a tenant.
grant select on routes, mta_sts_policies to pigeon_api;
