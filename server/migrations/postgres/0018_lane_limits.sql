-- What a lane keeps to: its limits as the shaping files say, and its pace. Null: told by an earlier version.
alter table lanes add column limits jsonb;
