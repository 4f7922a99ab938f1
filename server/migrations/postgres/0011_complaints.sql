-- Complaints about mail of a source, by the day on which they came in: a warm-up goes on only while they are few.
create table lane_complaints (
  mode sending_mode not null,
  provider text not null,
  source text not null,
  day date not null,
  count integer not null,
  primary key (day, mode, provider, source)
);
grant select, insert, update, delete on lane_complaints to pigeon_engine;
