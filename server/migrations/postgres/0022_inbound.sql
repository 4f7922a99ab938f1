-- Mail that came back and that people should see: replies, and what could not be understood. The sender and the recipients are
-- as the other server gave them. No tenant can be told for certain, so it is the installation's.
create table returned_mails (
  id uuid primary key,
  received_at timestamptz not null,
  via text not null check (via in ('smtp', 'imap')),
  why text not null check (why in ('unknown', 'unnamed', 'forged', 'reply')),
  mail_from text not null,
  recipients text[] not null,
  -- Of the whole mail; the content is its beginning.
  octets integer not null,
  content bytea not null
);
create index on returned_mails (received_at);
grant select, insert, delete on returned_mails to pigeon_engine;
