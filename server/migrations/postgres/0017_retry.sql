-- What has ended may be tried again by an operator's order.
alter type queue_action add value 'retry';

-- How far an order has read a campaign: its contacts up to this one.
alter table queue_orders add column cursor uuid;

-- Outcomes of attempts up to this one are from before it was queued again, and mean nothing any more.
alter table messages add column requeued_after smallint not null default 0;

-- A campaign that goes on after its end has its pool again.
create trigger note_sources_reopened after update of completed_at on campaigns
  for each row when (new.pool_id is not null and old.completed_at is not null and new.completed_at is null)
  execute function note_sources();
