-- Operators see which TLS reports were sent; nothing in them is of a tenant.
grant select on tls_reports to pigeon_api;
create index on tls_reports (day, domain, mode);
