-- For one person (user_id), one end-user (end_user_id), or every member of the organization (neither).
create table notifications (
  id uuid primary key,
  organization_id uuid not null,
  application_id uuid not null,
  user_id text references users (id) on delete cascade,
  end_user_id uuid,
  type text not null,
  run_id uuid,
  agent_id uuid,
  message text not null,
  created_at timestamptz(3) not null default now(),
  foreign key (organization_id, application_id) references applications (organization_id, id) on delete cascade,
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete cascade,
  foreign key (application_id, run_id) references runs (application_id, id) on delete cascade
);
create index notifications_newest on notifications (application_id, id desc);
create index notifications_of_user on notifications (application_id, user_id, id desc) where user_id is not null;
create index notifications_of_end_user on notifications (application_id, end_user_id, id desc) where end_user_id is not null;
create index notifications_of_everyone on notifications (application_id, id desc) where user_id is null and end_user_id is null;
create unique index notifications_once on notifications (run_id) where run_id is not null;
create index notifications_age on notifications (created_at);

-- Who has read what. `reader` is a user's id (usr_…), or the UUID of an end-user or of an API key that asks for itself.
create table notification_reads (
  notification_id uuid not null references notifications (id) on delete cascade,
  reader text not null,
  read_at timestamptz(3) not null default now(),
  primary key (reader, notification_id)
);
create index notification_reads_notification on notification_reads (notification_id);

-- Everything up to this id is read: what "mark all as read" writes. An end-user's mark goes with the end-user.
create table notification_marks (
  application_id uuid not null references applications (id) on delete cascade,
  reader text not null,
  read_until uuid not null,
  end_user_id uuid,
  primary key (application_id, reader),
  foreign key (application_id, end_user_id) references end_users (application_id, id) on delete cascade
);
create index notification_marks_end_user on notification_marks (application_id, end_user_id) where end_user_id is not null;
