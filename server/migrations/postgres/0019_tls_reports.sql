-- Operators see which TLS reports were sent; nothing in them is of a tenant.
grant select (mode, day, domain, report_id, state, destinations, attempts, next_at, sent_to, error, created_at) on tls_reports to pigeon_api;
create index on tls_reports (day, domain, mode);
