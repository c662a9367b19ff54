-- The data key of an end-user's content, under the key ring. Without this row what it sealed can't be read by anyone.
create table end_user_keys (
  application_id uuid not null,
  end_user_id uuid primary key,
  encrypted_key text not null,
  created_at timestamptz(3) not null default now(),
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete cascade
);

create index end_users_newest on end_users (application_id, id desc);

-- What was erased, in numbers; nothing in it tells who it was about but the id that no longer exists.
create table erasures (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  end_user_id uuid not null,
  report jsonb not null,
  created_at timestamptz(3) not null default now(),
  unique (application_id, end_user_id),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade
);

-- The key of a file's bytes comes from its end-user's data key and this; null where the bytes are kept as they are.
alter table files add column salt bytea check (length(salt) = 32);
