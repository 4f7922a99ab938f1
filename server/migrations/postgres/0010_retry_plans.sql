-- How long the messages of a campaign are tried, from the first attempt of each; null: as long as its class.
alter table campaigns add column expires_after_minutes integer check (expires_after_minutes between 1 and 43200);
-- What a receiver said last, for the end of a message that was tried until it expired.
alter table deliveries add column last_reply jsonb;
