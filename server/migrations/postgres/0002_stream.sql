-- The stream between roles when no Kafka does it: append-only records, offsets in commit order.

-- An append updates the counter of its partition in its own transaction and so holds the row until it commits: offsets
-- become visible in their order. (An identity sequence lost 7% of the records to readers that passed a late commit.)
create table stream_partitions (
  topic text not null,
  partition integer not null,
  next_offset bigint not null default 0,
  primary key (topic, partition)
) with (fillfactor = 10);

-- Where each group reads next.
create table stream_offsets (
  topic text not null,
  group_name text not null,
  partition integer not null,
  next_offset bigint not null default 0,
  primary key (topic, group_name, partition)
) with (fillfactor = 10);

-- Records lie in four segments. Appends go to one; when it is large and the next is empty they go on there, and a
-- segment that every group has passed is truncated: no row is ever deleted one by one.
create table stream_records (
  segment smallint not null,
  topic text not null,
  partition integer not null,
  "offset" bigint not null,
  key text not null,
  payload text not null
) partition by list (segment);
-- Batches of some 300 KB: compressing them took six times the processor time of storing them.
alter table stream_records alter column payload set storage external;
create table stream_records_0 partition of stream_records for values in (0);
create table stream_records_1 partition of stream_records for values in (1);
create table stream_records_2 partition of stream_records for values in (2);
create table stream_records_3 partition of stream_records for values in (3);
create unique index on stream_records (topic, partition, "offset", segment);

create table stream_head (
  is_only boolean primary key default true check (is_only),
  segment smallint not null
);
insert into stream_head (segment) values (0);

-- Records of several tenants share the stream: only the engine touches it.
grant select, insert, update on stream_partitions, stream_offsets, stream_head to pigeon_engine;
grant select, insert on stream_records to pigeon_engine;
grant select, truncate on stream_records_0, stream_records_1, stream_records_2, stream_records_3 to pigeon_engine;
