-- The import that last held this contact: tells a row that stands twice in one file from one that was there before,
-- whatever the bounds of the chunks and however often the import was resumed.
alter table contacts add column last_import_id uuid;
-- Room for the new version of a row beside the old one: importing a list again then touches no index.
alter table contacts set (fillfactor = 90);

-- How many contacts a list has, without counting them: every change of subscriptions adds a row of differences in its
-- own transaction, so that writers do not wait for each other; readers add up, and the many are folded into one.
create table list_counts (
  id bigint generated always as identity primary key,
  list_id uuid not null,
  tenant_id uuid not null,
  subscribed bigint not null,
  unsubscribed bigint not null
);
create index on list_counts (list_id);

create function fold_list_counts(wanted_list_id uuid) returns void language sql as
$$ with old as (
     delete from list_counts
      where id in (select id from list_counts where list_id = wanted_list_id for update skip locked)
     returning tenant_id, subscribed, unsubscribed
   )
   insert into list_counts (list_id, tenant_id, subscribed, unsubscribed)
   select wanted_list_id, tenant_id, sum(subscribed), sum(unsubscribed) from old group by tenant_id $$;

create function note_list_counts() returns trigger language plpgsql as
$$
declare
  changed record;
begin
  for changed in execute case tg_op
    when 'INSERT' then 'select list_id, tenant_id, count(*) filter (where status = ''subscribed'') as subscribed,
                               count(*) filter (where status = ''unsubscribed'') as unsubscribed
                          from added group by list_id, tenant_id'
    when 'DELETE' then 'select list_id, tenant_id, -count(*) filter (where status = ''subscribed'') as subscribed,
                               -count(*) filter (where status = ''unsubscribed'') as unsubscribed
                          from removed group by list_id, tenant_id'
    else 'select list_id, tenant_id, sum(subscribed)::bigint as subscribed, sum(unsubscribed)::bigint as unsubscribed
            from (select list_id, tenant_id, (status = ''subscribed'')::int as subscribed, (status = ''unsubscribed'')::int as unsubscribed from added
                  union all
                  select list_id, tenant_id, -(status = ''subscribed'')::int, -(status = ''unsubscribed'')::int from removed) c
           group by list_id, tenant_id having sum(subscribed) <> 0 or sum(unsubscribed) <> 0'
  end loop
    insert into list_counts (list_id, tenant_id, subscribed, unsubscribed)
    values (changed.list_id, changed.tenant_id, changed.subscribed, changed.unsubscribed);
    if (select count(*) from (select from list_counts where list_id = changed.list_id limit 100) c) = 100 then
      perform fold_list_counts(changed.list_id);
    end if;
  end loop;
  return null;
end
$$;
create trigger note_added after insert on subscriptions referencing new table as added
  for each statement execute function note_list_counts();
create trigger note_removed after delete on subscriptions referencing old table as removed
  for each statement execute function note_list_counts();
create trigger note_changed after update on subscriptions referencing old table as removed new table as added
  for each statement execute function note_list_counts();

alter table list_counts enable row level security;
alter table list_counts force row level security;
create policy one_tenant on list_counts to pigeon_api using (tenant_id = (select current_tenant())) with check (tenant_id = (select current_tenant()));
create policy all_tenants on list_counts to pigeon_engine using (true) with check (true);
grant select, insert, update, delete on list_counts to pigeon_api, pigeon_engine;

create index on suppressions (tenant_id, id);
create index on campaigns (list_id);
